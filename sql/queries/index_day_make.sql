SELECT audit.make_partition('entry', %(day)s)
