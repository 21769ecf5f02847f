-- What the local accounts of the page that are called by their address may see: all that an Admin may is NULL, nothing is '{}'.
SELECT u.name, CASE WHEN u.disabled THEN '{}'::text[] WHEN u.role = 'account_admin' THEN u.accounts END
FROM audit.web_user AS u WHERE u.name LIKE '%@%'
