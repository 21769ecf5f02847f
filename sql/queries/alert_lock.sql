-- Whoever looks for alerts holds the readers' places; a second one passes by.
SELECT reader FROM audit.alert_stand WHERE channel = %(channel)s ORDER BY reader FOR UPDATE SKIP LOCKED
