-- The log's own tables are under watch like any other: who gets digests, what is kept how long, what was purged, what was done
-- to the structure of tracked tables, who vouches for actors, which differences were accepted, who may look at
-- the page and who did.
select audit.track('audit.recipient', ignored => array['added_at', 'first_incarnation', 'first_xid', 'soft_bounces'],
  masked => array['unsubscribe_token'], about => array['email', 'name'],
  label_column => 'email', account_column => 'account');
select audit.track('audit.setting', label_column => 'name');
select audit.track('audit.purge', about => array['first_day', 'last_day']);
select audit.track('audit.schema_change', ignored => array['at', 'transaction_id'], about => array['table_name'], label_column => 'table_name');
select audit.track('audit.gateway', label_column => 'role');
select audit.track('audit.signing_key', label_column => 'id');
select audit.track('audit.rebase', about => array['table_name']);
select audit.track('audit.web_user', ignored => array['added_at', 'password_hash'], masked => array['password_hash'],
  about => array['name'], label_column => 'name');
select audit.track('audit.web_token', ignored => array['added_at', 'last_used_at'], masked => array['token_hash'],
  about => array['name'], label_column => 'name');
select audit.track('audit.access', about => array['name', 'kind', 'method', 'address'], label_column => 'name');
insert into audit.catalogue_table as t (table_name, module, entity, label_column, root)
values ('audit.recipient', 'Audit log', 'digest recipient', 'email', 'audit.recipient'),
  ('audit.setting', 'Audit log', 'setting', 'name', 'audit.setting'),
  ('audit.purge', 'Audit log', 'purge', null, 'audit.purge'),
  ('audit.schema_change', 'Audit log', 'structure', 'table_name', 'audit.schema_change'),
  ('audit.gateway', 'Audit log', 'trusted gateway', 'role', 'audit.gateway'),
  ('audit.signing_key', 'Audit log', 'signing key', 'id', 'audit.signing_key'),
  ('audit.rebase', 'Audit log', 'baseline', null, 'audit.rebase'),
  ('audit.web_user', 'Audit log', 'page account', 'name', 'audit.web_user'),
  ('audit.web_token', 'Audit log', 'API token', 'name', 'audit.web_token'),
  ('audit.access', 'Audit log', 'access', 'name', 'audit.access')
on conflict (table_name) do update
set module = excluded.module, entity = excluded.entity, label_column = excluded.label_column, root = excluded.root
where t is distinct from excluded;
