-- What is finished by now: what comes later, no reader of now has seen.
SELECT pg_current_snapshot()::text
