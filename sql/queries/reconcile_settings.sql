-- None of these takes a snapshot: the locks come before it.
set local lock_timeout = '2s';
set local work_mem = '64MB';
set local jit = off;
set local search_path = pg_catalog, pg_temp;
