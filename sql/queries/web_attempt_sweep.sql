DELETE FROM audit.web_attempt WHERE at < now() - make_interval(days => 1)
