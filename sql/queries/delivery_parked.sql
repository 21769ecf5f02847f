-- What was parked for somebody who is a recipient still, with the address that they have now.
SELECT d.digest_id, g.recipient_id, d.address, r.email, g.serial, d.tries, d.answer FROM audit.delivery AS d
JOIN audit.digest AS g ON g.id = d.digest_id
JOIN audit.recipient AS r ON r.id = g.recipient_id AND NOT r.paused
WHERE d.state = 'parked'
ORDER BY d.digest_id, d.address
