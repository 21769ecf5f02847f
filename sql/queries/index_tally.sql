-- So many entries more of each kind.
INSERT INTO audit.entry_tally AS t (day, module, type, entity, actor, actor_kind, account, former_account, sensitivity, entries)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (day, module, type, entity, actor, actor_kind, account, former_account, sensitivity)
DO UPDATE SET entries = t.entries + excluded.entries
