INSERT INTO audit.catalogue_table (table_name, module, entity, label_column, root, soft_delete_column)
VALUES (%(table_name)s, %(module)s, %(entity)s, %(label_column)s, %(root)s, %(soft_delete_column)s)
