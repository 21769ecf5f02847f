-- What a recipient chooses besides, and what keeps mails from one: bounces, a pause and its reason, not being an admin any more.
-- Safe to run again.
set local role audit_owner;

-- Capture locks the registry of tables before the log: who changes both does too, or a business write could die of a deadlock.
lock table audit.tracked_table in access exclusive mode;

-- Who is a recipient already asked for digests and for nothing else: alerts are for those who are added from now on.
alter table audit.recipient add column if not exists alerts boolean not null default false;
alter table audit.recipient alter column alerts set default true;
alter table audit.recipient add column if not exists language text not null default 'en'
  constraint recipient_language_check check (language operator(pg_catalog.~) '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$');
alter table audit.recipient add column if not exists sensitivity text not null default 'low'
  constraint recipient_sensitivity_check check (sensitivity in ('low', 'normal', 'high'));
alter table audit.recipient add column if not exists accounts text[]
  constraint recipient_accounts_check check (accounts is null or pg_catalog.cardinality(accounts) > 1 and account is null);
alter table audit.recipient add column if not exists paused_reason text;
alter table audit.recipient add column if not exists bounced_at timestamptz;
alter table audit.recipient add column if not exists bounce text
  constraint recipient_bounce_check check ((bounce is null) = (bounced_at is null));
alter table audit.recipient add column if not exists soft_bounces smallint not null default 0;
alter table audit.recipient add column if not exists no_admin_since timestamptz;
alter table audit.recipient add column if not exists unsubscribe_token uuid not null default pg_catalog.gen_random_uuid();
create unique index if not exists recipient_unsubscribe_token_idx on audit.recipient (unsubscribe_token);

-- Of a digest that was frozen: whose changes stand in it, so that it is not sent to one who may not know them any more.
do $scope$
begin
  if not exists (
    select from pg_catalog.pg_attribute as a where a.attrelid = 'audit.digest'::regclass and a.attname = 'accounts' and not a.attisdropped)
  then
    alter table audit.digest add column accounts text[];
    update audit.digest as d set accounts = array[r.account] from audit.recipient as r where r.id = d.recipient_id and r.account is not null;
  end if;
end
$scope$;

-- Looked for first: what is as it should be need not be checked again.
do $cadence$
declare
  part text;
begin
  foreach part in array array['recipient', 'digest'] loop
    if not exists (
      select from pg_catalog.pg_constraint as c
      where c.conrelid = ('audit.' || part)::regclass and c.conname = part || '_cadence_check'
        and pg_catalog.pg_get_constraintdef(c.oid) like '%hourly%')
    then
      execute pg_catalog.format('alter table audit.%I drop constraint %I', part, part || '_cadence_check');
      execute pg_catalog.format('alter table audit.%I add constraint %I check (cadence in (%s))', part, part || '_cadence_check',
        case part when 'digest' then '''hourly'', ''daily'', ''weekly'', ''now''' else '''hourly'', ''daily'', ''weekly''' end);
    end if;
  end loop;
end
$cadence$;

comment on column audit.recipient.cadence is 'hourly (at each full hour of the local clock), daily or weekly.';
comment on column audit.recipient.send_at is 'Local time at which a daily or weekly digest is cut and sent.';
comment on column audit.recipient.account is 'The one tenant whose changes are told; NULL, and no accounts: all, also those whose tenant is not known.';
comment on column audit.recipient.accounts is 'The tenants whose changes are told, where there are several.';
comment on column audit.recipient.alerts is 'Whether sensitive changes are mailed at once, too.';
comment on column audit.recipient.language is 'Language tag (BCP 47): dates and times are written in the manner of its region.';
comment on column audit.recipient.sensitivity is 'The least sensitivity that is told: low (all), normal or high.';
comment on column audit.recipient.paused_reason is 'Why it is paused, such as unsubscribed; NULL: nobody said.';
comment on column audit.recipient.bounced_at is 'Since when nothing is mailed for mails come back; NULL: they do not.';
comment on column audit.recipient.bounce is 'What the mail server said.';
comment on column audit.recipient.soft_bounces is 'Mails in a row that were given up for another reason than an address that is refused.';
comment on column audit.recipient.no_admin_since is 'Since when nothing is mailed for the query of admins does not name the recipient any more; NULL: it does, or there is none.';
comment on column audit.recipient.unsubscribe_token is 'Stands in the links that stop the mails: whoever has it may pause them.';
comment on table audit.setting is 'Values that the views and the mails need, stored by install: retention_days, product_roles, admins_query, version.';
comment on column audit.digest.cadence is 'hourly, daily, weekly, or now for one that was asked for out of turn.';
comment on column audit.digest.accounts is 'The tenants whose changes it tells; NULL: all.';

reset role;
