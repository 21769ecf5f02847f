-- The last requests to the webhook, newest first.
SELECT id, webhook_id, part, entries, oldest_at, cut_at, state, tries, not_before, answer, sent_at
FROM audit.webhook_request
ORDER BY id DESC
LIMIT %(limit)s
