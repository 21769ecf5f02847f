-- The transactions from a watermark on, newest first: those that the index does not know.
SELECT at, id FROM audit.transactions_from(%(incarnation)s::smallint, %(xid)s::xid8, %(limit)s::integer)
