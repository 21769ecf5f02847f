-- What waits for its next try, or was given up, is tried at once.
UPDATE audit.webhook_request SET state = 'retry', not_before = %(began)s
WHERE state = 'parked' OR state = 'retry' AND not_before > %(began)s
