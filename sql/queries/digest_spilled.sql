-- How many changes wait for a partition of their day.
SELECT count(*) FROM audit.change_spill
