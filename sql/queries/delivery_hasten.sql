-- What waits for its next try need not wait any longer.
UPDATE audit.delivery SET not_before = %(began)s WHERE state IN ('pending', 'retry') AND not_before > %(began)s
