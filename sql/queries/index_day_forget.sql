DELETE FROM audit.entry WHERE at >= %(first)s AND at < %(end)s
