-- Of the last run of a job: whether somebody looked less than so many seconds ago, and whether it did not end well.
SELECT coalesce((l.detail ->> 'checked_at')::timestamptz > clock_timestamp() - make_interval(secs => %(seconds)s), false),
    l.outcome IN ('failed', 'interrupted')
FROM audit.job_run AS l WHERE l.job = %(job)s ORDER BY l.started_at DESC LIMIT 1
