-- Who may look at the page, who did, and the programs that may ask (docs/web.md). Safe to run again.
set local role audit_owner;

create table if not exists audit.web_user (
  id integer generated always as identity primary key,
  name text not null check (name operator(pg_catalog.~) '^[^[:space:][:cntrl:]]{1,200}$'),
  full_name text,
  role text not null check (role in ('admin', 'account_admin')),
  accounts text[],
  may_export boolean not null default true,
  timezone text,
  password_hash text not null,
  password_set_at timestamptz not null default now(),
  disabled boolean not null default false,
  added_at timestamptz not null default now(),
  check ((role = 'admin') = (accounts is null)),
  check (accounts <> '{}')
);
create unique index if not exists web_user_name_idx on audit.web_user (lower(name));

create table if not exists audit.web_session (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  subject text not null,
  method text not null check (method in ('password', 'oidc', 'proxy')),
  user_id integer references audit.web_user on delete cascade,
  viewer jsonb,
  address text,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  check ((method = 'password') = (user_id is not null)),
  check ((method = 'oidc') = (viewer is not null))
);
create index if not exists web_session_subject_idx on audit.web_session (subject);
create index if not exists web_session_user_id_idx on audit.web_session (user_id);

create table if not exists audit.web_token (
  id integer generated always as identity primary key,
  name text not null check (name <> ''),
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  scopes text[] not null check (scopes <> '{}' and scopes <@ array['read', 'export']),
  accounts text[] check (accounts <> '{}'),
  added_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create unique index if not exists web_token_name_idx on audit.web_token (lower(name)) where revoked_at is null;

create table if not exists audit.access (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  kind text not null check (kind in ('signed_in', 'signed_out', 'refused', 'exported')),
  name text,
  method text not null check (method in ('password', 'oidc', 'proxy', 'token', 'host')),
  address text,
  attempts integer not null default 1 check (attempts > 0),
  format text,
  filters text
);
create index if not exists access_refused_idx on audit.access (at) where kind = 'refused';

-- How often each may still try to sign in: a bucket that fills again with time.
create table if not exists audit.web_attempt (
  bucket text primary key,
  tokens double precision not null,
  at timestamptz not null default now()
);

create table if not exists audit.web_secret (
  one boolean primary key default true check (one),
  value bytea not null check (octet_length(value) = 64)
);
-- Each of the four has 122 random bits of the server's strong source.
insert into audit.web_secret (value)
select decode(string_agg(replace(gen_random_uuid()::text, '-', ''), ''), 'hex') from generate_series(1, 4)
on conflict do nothing;

grant usage on schema audit to audit_web;
grant select, update on audit.web_user to audit_web;
grant select, insert, update, delete on audit.web_session, audit.web_attempt to audit_web;
grant select, update on audit.web_token to audit_web;
grant select, insert, update on audit.access to audit_web;
grant select on audit.web_secret to audit_web;
grant select on audit.access to audit_reader;

comment on table audit.web_user is 'Local accounts of the page. Under watch itself, but for the password.';
comment on column audit.web_user.id is 'Number of the account.';
comment on column audit.web_user.name is 'What is typed at sign-in, in any case of letters.';
comment on column audit.web_user.full_name is 'Name that is shown; NULL: the name of the sign-in.';
comment on column audit.web_user.role is 'admin sees all accounts, account_admin those of accounts.';
comment on column audit.web_user.accounts is 'Accounts (tenants) that an account_admin sees; NULL for an admin.';
comment on column audit.web_user.may_export is 'Whether entries may be taken away as a file.';
comment on column audit.web_user.timezone is 'Zone in which times are shown; NULL: that of the service.';
comment on column audit.web_user.password_hash is 'Argon2id, with its parameters and salt.';
comment on column audit.web_user.password_set_at is 'When the password was set: sessions that are older end.';
comment on column audit.web_user.disabled is 'Whether signing in is refused; sessions end at once.';
comment on column audit.web_user.added_at is 'When the account was made.';
comment on table audit.web_session is 'Who is signed in. Removing a row signs out.';
comment on column audit.web_session.token_hash is 'SHA-256 of what the cookie holds; of a trusted proxy, that of the subject.';
comment on column audit.web_session.subject is 'Who it is, with the way in: password:ana, proxy:ana, oidc:ISSUER ana.';
comment on column audit.web_session.method is 'How they got in.';
comment on column audit.web_session.user_id is 'The local account, read again with every request.';
comment on column audit.web_session.viewer is 'Name, role, accounts and rights that the provider said at sign-in.';
comment on column audit.web_session.address is 'Address at sign-in.';
comment on column audit.web_session.started_at is 'When it began.';
comment on column audit.web_session.seen_at is 'Last request, within a minute: it ends when idle.';
comment on column audit.web_session.expires_at is 'When it ends in any case.';
comment on table audit.web_token is 'Programs that may ask the API. Under watch itself, but for the token.';
comment on column audit.web_token.id is 'Number of the token.';
comment on column audit.web_token.name is 'What the program is called.';
comment on column audit.web_token.token_hash is 'SHA-256 of the token, which was shown once.';
comment on column audit.web_token.scopes is 'read, export, or both.';
comment on column audit.web_token.accounts is 'Accounts (tenants) that it sees; NULL: all.';
comment on column audit.web_token.added_at is 'When it was made.';
comment on column audit.web_token.expires_at is 'When it ends.';
comment on column audit.web_token.last_used_at is 'Last request, within a minute.';
comment on column audit.web_token.revoked_at is 'When it was revoked; NULL: it was not.';
comment on table audit.access is 'Who signed in and out, whose sign-ins were refused, what was exported. Under watch itself: each is an entry in module Audit log.';
comment on column audit.access.id is 'Number of the access.';
comment on column audit.access.at is 'When it happened; of refused sign-ins, when the first was.';
comment on column audit.access.kind is 'signed_in, signed_out, refused, exported.';
comment on column audit.access.name is 'Whose account it is; NULL: of a refused sign-in, as nobody that is known.';
comment on column audit.access.method is 'The way in: password, oidc, proxy, token, or host (the application that holds the page).';
comment on column audit.access.address is 'Address that it came from.';
comment on column audit.access.attempts is 'Refused sign-ins within the hour, told at 1, 10, 100, ...';
comment on column audit.access.format is 'Of an export: csv or jsonl.';
comment on column audit.access.filters is 'Of an export: the filters, as in the address of the page.';
comment on table audit.web_attempt is 'How often each may still try to sign in.';
comment on column audit.web_attempt.bucket is 'Hash of what is counted: an account, an address, a device.';
comment on column audit.web_attempt.tokens is 'Tries that were left then.';
comment on column audit.web_attempt.at is 'When that was.';
comment on table audit.web_secret is 'Signs what the page gives to browsers beside the session: forms, notes, devices.';
comment on column audit.web_secret.one is 'There is one row.';
comment on column audit.web_secret.value is 'Random bytes.';

reset role;
