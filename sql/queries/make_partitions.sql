select made from audit.make_partitions(%(days)s) as made order by made
