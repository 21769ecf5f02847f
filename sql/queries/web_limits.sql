SELECT set_config('statement_timeout', %(milliseconds)s, true), set_config('idle_in_transaction_session_timeout', %(milliseconds)s, true)
