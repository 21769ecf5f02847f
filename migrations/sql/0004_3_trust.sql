-- Who vouches for an actor: trusted gateways, keys that sign, and what a transaction's signature was worth. Safe to run again.
set local role audit_owner;

-- Capture locks the registry of tables before the log: who changes both does too, or a business write could die of a deadlock.
lock table audit.tracked_table in access exclusive mode;

-- Looked for first: adding what is there would lock the log all the same.
do $columns$
declare
  part text;
begin
  foreach part in array array['audit.transaction', 'audit.transaction_spill'] loop
    if not exists (
      select from pg_catalog.pg_attribute as a where a.attrelid = part::regclass and a.attname = 'signature' and not a.attisdropped)
    then
      execute pg_catalog.format('alter table %s add column signature text', part);
    end if;
  end loop;
end
$columns$;

create table if not exists audit.gateway (
  role text not null,
  since timestamptz not null default now(),
  until timestamptz,
  primary key (role, since),
  check (until >= since)
);
create unique index if not exists gateway_trusted_idx on audit.gateway (role) where until is null;

create table if not exists audit.signing_key (
  id text primary key check (id operator(pg_catalog.~) '^[A-Za-z0-9_.-]{1,32}$'),
  since timestamptz not null default now(),
  until timestamptz
);

-- A table of its own, and not under watch: what is tracked, the trigger functions may read.
create table if not exists audit.signing_secret (
  key text primary key references audit.signing_key,
  inner_pad bytea not null check (octet_length(inner_pad) = 64),
  outer_pad bytea not null check (octet_length(outer_pad) = 64)
);

-- The list in the settings knew no times: whom it names was trusted all along.
insert into audit.gateway (role, since)
select distinct btrim(r.role), '-infinity'::timestamptz
from audit.setting as s cross join lateral string_to_table(s.value, ',') as r(role)
where s.name = 'trusted_gateways' and btrim(r.role) <> ''
on conflict do nothing;
delete from audit.setting where name = 'trusted_gateways';

comment on table audit.setting is 'Values that the views need, stored by install: retention_days, product_roles, version.';
comment on column audit.transaction.signature is
  'What the signature in audit.signature was worth when the row was written: valid:KEY, expired:KEY or invalid; NULL: none was given.';
comment on column audit.transaction_spill.signature is
  'What the signature in audit.signature was worth when the row was written: valid:KEY, expired:KEY or invalid; NULL: none was given.';
comment on table audit.gateway is 'Database roles whose word about the actor is taken, each with the time in which it was.';
comment on column audit.gateway.role is 'Name of the role.';
comment on column audit.gateway.since is 'Transactions that began at this time or later are vouched for.';
comment on column audit.gateway.until is 'Transactions that began at this time or later are not vouched for any more; NULL: they are still.';
comment on table audit.signing_key is 'Keys that applications sign an actor and its context with.';
comment on column audit.signing_key.id is 'Name of the key, as signatures give it.';
comment on column audit.signing_key.since is 'When it was made.';
comment on column audit.signing_key.until is 'When it was retired: its secret is gone since; NULL: it is valid.';
comment on table audit.signing_secret is 'What HMAC-SHA256 needs of the valid keys. For the owner of the log alone.';
comment on column audit.signing_secret.key is 'Name of the key.';
comment on column audit.signing_secret.inner_pad is 'The key, filled up to 64 bytes with zeros, XOR 0x36.';
comment on column audit.signing_secret.outer_pad is 'The key, filled up to 64 bytes with zeros, XOR 0x5c.';

reset role;
