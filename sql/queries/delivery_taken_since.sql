-- Whether the mail server took any mail since a digest was cut.
SELECT EXISTS (SELECT FROM audit.delivery WHERE sent_at >= %(since)s)
