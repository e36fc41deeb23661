-- Lets one process migrate at a time; the lock ends with the transaction.
-- $1 lock_timeout text
select set_config('lock_timeout', $1::text, true), set_config('client_min_messages', 'warning', true), pg_advisory_xact_lock(1112757342, 0)
