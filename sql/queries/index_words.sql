-- What beside catalogue and program decides how entries read, and which columns name rows: when it is another, so are the entries.
SELECT md5(coalesce((SELECT s.value FROM audit.setting AS s WHERE s.name = 'product_roles'), '')
    || coalesce((
        SELECT string_agg(concat_ws('|', t.id, t.table_name, t.kind, t.key_columns, t.about, t.until IS NULL), ';' ORDER BY t.id)
        FROM audit.tracked_table AS t), ''))
