-- Alerts by mail and webhook, and how far the log was shipped to others. Safe to run again.
set local role audit_owner;

-- An alert is frozen and sent as a digest is, and stands beside it: each kind has numbers and windows of its own.
alter table audit.digest add column if not exists kind text not null default 'digest'
  constraint digest_kind_check check (kind in ('digest', 'alert'));
alter table audit.digest drop constraint if exists digest_recipient_id_window_start_key;
alter table audit.digest drop constraint if exists digest_recipient_id_serial_key;
alter table audit.digest drop constraint if exists digest_recipient_id_first_incarnation_first_xid_key;
create unique index if not exists digest_window_start_idx on audit.digest (recipient_id, window_start) where kind = 'digest';
create unique index if not exists digest_serial_idx on audit.digest (recipient_id, kind, serial);
create unique index if not exists digest_first_idx on audit.digest (recipient_id, kind, first_incarnation, first_xid);
create index if not exists digest_alert_idx on audit.digest (recipient_id, cut_at) where kind = 'alert';

-- Which jobs there are, the program knows.
alter table audit.job_run drop constraint if exists job_run_job_check;
alter table audit.job_run add constraint job_run_job_check check (job operator(pg_catalog.~) '^[a-z_]{1,40}$');

-- Made together with the rows of those who are recipients already: they are told nothing of what was before.
do $stand$
begin
  if to_regclass('audit.alert_stand') is null then
    create table audit.alert_stand (
      channel text not null check (channel in ('mail', 'webhook')),
      reader integer not null,
      told_incarnation smallint not null,
      told_xid xid8 not null,
      looked_incarnation smallint not null,
      looked_xid xid8 not null,
      held bigint not null default 0 check (held >= 0),
      held_since timestamptz,
      held_for text,
      serial integer not null default 0,
      stopped_at timestamptz,
      stopped_for text,
      primary key (channel, reader),
      check ((held = 0) = (held_since is null)),
      check ((stopped_at is null) = (stopped_for is null))
    );
    insert into audit.alert_stand (channel, reader, told_incarnation, told_xid, looked_incarnation, looked_xid)
    select 'mail', r.id, i.id, w.xid, i.id, w.xid
    from audit.recipient as r
    cross join (select pg_catalog.max(n.id) as id from audit.incarnation as n) as i
    cross join (select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) as xid) as w
    where i.id is not null;
  end if;
end
$stand$;

create table if not exists audit.webhook_request (
  id bigint generated always as identity primary key,
  webhook_id text not null unique,
  first_incarnation smallint not null,
  first_xid xid8 not null,
  next_incarnation smallint not null,
  next_xid xid8 not null,
  part integer not null check (part > 0),
  entries integer not null check (entries >= 0),
  oldest_at timestamptz not null,
  body bytea not null,
  cut_at timestamptz not null default now(),
  state text not null default 'pending' check (state in ('pending', 'retry', 'sent', 'parked')),
  tries integer not null default 0,
  not_before timestamptz not null default now(),
  lease uuid,
  leased_until timestamptz,
  down boolean not null default false,
  answer text,
  sent_at timestamptz,
  unique (first_incarnation, first_xid, part),
  check ((lease is null) = (leased_until is null)),
  check ((state = 'sent') = (sent_at is not null))
);
create index if not exists webhook_request_waiting_idx on audit.webhook_request (not_before) where state in ('pending', 'retry');

create table if not exists audit.shipping_cursor (
  name text primary key check (name operator(pg_catalog.~) '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  incarnation smallint not null,
  xid xid8 not null,
  entries bigint not null default 0,
  made_at timestamptz not null default now(),
  moved_at timestamptz not null default now(),
  reached_at timestamptz
);

grant select on audit.alert_stand, audit.webhook_request, audit.shipping_cursor to audit_reader;

reset role;
