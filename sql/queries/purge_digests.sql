-- What was mailed is as old as what it tells. The last digest of a recipient says where the next one begins, and a mail that is not
-- delivered is somebody's business still; both only as long as there is that recipient.
with gone as (
  delete from audit.digest as d
  where d.cut_at < %(before)s
    and (not exists (select from audit.recipient as r where r.id = d.recipient_id)
      or ((d.kind = 'alert' or exists (
          select from audit.digest as l where l.recipient_id = d.recipient_id and l.kind = 'digest' and l.serial > d.serial))
        and not exists (select from audit.delivery as v where v.digest_id = d.id and v.state <> 'sent')))
  returning d.id)
select count(*) from gone
