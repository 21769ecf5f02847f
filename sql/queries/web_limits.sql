SELECT set_config('statement_timeout', %(milliseconds)s, true), set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true),
    -- A page takes a few milliseconds of each partition: to compile its plans, or to start helpers, takes longer than to read.
    set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
