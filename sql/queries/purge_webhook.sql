-- What was sent is as old as what it tells; what was not is somebody's business still.
with gone as (
  delete from audit.webhook_request as q where q.cut_at < %(before)s and q.state = 'sent' returning q.id)
select count(*) from gone
