-- Where a window of finished transactions may end now.
SELECT audit.current_incarnation(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint
