insert into audit.purge (first_day, last_day, changes, bytes, retention_days)
values (%(first_day)s, %(last_day)s, %(changes)s, %(bytes)s, %(retention_days)s)
