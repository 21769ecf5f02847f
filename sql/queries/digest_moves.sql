-- The moves to another cluster between two incarnations.
SELECT since FROM audit.incarnation WHERE id > %(first)s AND id <= %(next)s ORDER BY id
