-- Made here, so that no statement and no log of statements ever holds it. Of the key itself nothing is kept but what HMAC (RFC 2104) needs.
with made as materialized (
  select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) as secret),
named as (
  insert into audit.signing_key (id) values (%(id)s)),
kept as (
  insert into audit.signing_secret (key, inner_pad, outer_pad)
  select %(id)s, string_agg(set_byte('\x00', 0, b.byte # 54), '' order by b.place), string_agg(set_byte('\x00', 0, b.byte # 92), '' order by b.place)
  from made
  cross join lateral (
    select i as place, case when i < octet_length(made.secret) then get_byte(made.secret, i) else 0 end as byte
    from generate_series(0, 63) as i) as b)
select encode(secret, 'hex') from made
