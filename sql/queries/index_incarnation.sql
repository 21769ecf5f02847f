-- The cluster that wrote last: the latest that is noted.
SELECT max(id) FROM audit.incarnation
