-- A transaction that was open while its day got a partition may have the same row in both places. The first one counts, for
-- the order of a transaction's rows says which actor came first.
delete from audit.transaction as t
using audit.transaction_spill as s
where t.at = s.at and t.transaction_id = s.transaction_id and t.setting_key = s.setting_key and t.id > s.id
