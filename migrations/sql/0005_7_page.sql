-- What viewers of the page may write: their own digest (reports/web/pages/settings.py decides whose). Safe to run again.
set local role audit_owner;

grant select, insert, update, delete on audit.recipient to audit_web;
grant select, update on audit.delivery to audit_web;
grant select on audit.table_shape to audit_web;

reset role;
