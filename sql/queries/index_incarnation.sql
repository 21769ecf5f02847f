-- The cluster that the log is written in now.
SELECT max(i.id) FROM audit.incarnation AS i
