-- Ends a pause, and that mails come back: the next mails tell whether they still do. No row where neither is so.
UPDATE audit.recipient
SET paused = false, paused_reason = NULL, bounced_at = NULL, bounce = NULL, soft_bounces = 0
WHERE id = %(id)s AND (paused OR bounced_at IS NOT NULL)
