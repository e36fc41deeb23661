-- Saves what the next attempt will begin with, together with the caller's own rows.
-- role: whoever holds the fence
-- $1 job id, $2 attempt, $3 worker, $4 value (any JSON); all text
-- answers null
select 'null'::text from backstay.checkpoint($1::text::bigint, $2::text::int, $3::text::uuid, $4::text::jsonb)
