insert into audit.setting as s (name, value) values (%(name)s, %(value)s)
on conflict (name) do update set value = excluded.value where s.value <> excluded.value
