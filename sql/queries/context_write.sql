-- Until the transaction ends, however it ends.
select set_config('audit.actor', %(actor)s, true), set_config('audit.context', %(context)s, true), set_config('audit.signature', %(signature)s, true)
