update audit.web_user as u set timezone = %(timezone)s
where lower(u.name) = lower(%(name)s) and u.timezone is distinct from %(timezone)s
