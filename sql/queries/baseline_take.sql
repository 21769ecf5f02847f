select audit.take_baseline(%(table)s)
