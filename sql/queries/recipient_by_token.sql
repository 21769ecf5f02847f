-- Whose mails bear a token.
SELECT id FROM audit.recipient WHERE unsubscribe_token = %(token)s
