-- What is over, of everybody.
DELETE FROM audit.web_session WHERE expires_at <= now() OR seen_at <= now() - make_interval(secs => %(idle)s)
