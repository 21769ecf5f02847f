-- None of these takes a snapshot: the locks come before it.
set local lock_timeout = '2s';
set local work_mem = '64MB';
set local jit = off;
set local search_path = pg_catalog, pg_temp;
-- Keys are JSON: a hash of one costs less than an order of all. And nobody can estimate how many rows a comparison finds.
set local enable_mergejoin = off;
set local enable_nestloop = off;
