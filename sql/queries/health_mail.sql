-- Mails that wait and that were given up; nobody waits for what was cut for a recipient who is gone or paused.
-- Each part by an index of its own, so that the sent ones are never read.
select w.waiting, w.retrying, w.oldest_cut_at, w.next_try_at, p.parked,
  (select q.sent_at from audit.delivery as q where q.state = 'sent' order by q.sent_at desc limit 1) as last_sent_at
from (
  select count(*) as waiting, count(*) filter (where v.state = 'retry') as retrying,
    min(d.cut_at) as oldest_cut_at, min(v.not_before) as next_try_at
  from audit.delivery as v
  join audit.digest as d on d.id = v.digest_id
  join audit.recipient as r on r.id = d.recipient_id and not r.paused
  where v.state in ('pending', 'retry')) as w
cross join (
  select count(*) as parked
  from audit.delivery as v
  join audit.digest as d on d.id = v.digest_id
  join audit.recipient as r on r.id = d.recipient_id
  where v.state = 'parked') as p
