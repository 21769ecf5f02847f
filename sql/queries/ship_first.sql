-- The incarnation of the oldest transaction that is there: where shipping begins that begins at the beginning.
SELECT coalesce(min(i.id), audit.current_incarnation()) FROM audit.incarnation AS i
