insert into audit.rebase (table_name, rows, differences, accepted, reason)
values (%(table_name)s, %(rows)s, %(differences)s, %(accepted)s, %(reason)s)
