INSERT INTO audit.catalogue_column (table_name, column_name, module, label)
VALUES (%(table_name)s, %(column_name)s, %(module)s, %(label)s)
