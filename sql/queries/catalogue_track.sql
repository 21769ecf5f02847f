SELECT audit.track(
    %(table)s::text::regclass,
    key_columns => %(key_columns)s::text[],
    ignored => %(ignored)s::text[],
    masked => %(masked)s::text[],
    about => %(about)s::text[],
    label_column => %(label_column)s::text,
    account_column => %(account_column)s::text,
    parent_table => %(parent_table)s::text::regclass,
    parent_columns => %(parent_columns)s::text[],
    kind => %(kind)s::text,
    registered => %(registered)s::boolean,
    failure => %(failure)s::text)
