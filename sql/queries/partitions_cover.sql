select audit.put_triggers(%(relation)s::oid::regclass, %(kind)s, %(columns)s::text[])
