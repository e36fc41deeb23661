-- Ends a job as done, together with the caller's own rows.
-- role: whoever holds the fence
-- $1 job id, $2 attempt, $3 worker, $4 options (a JSON object, `output`); all text
-- answers null
select 'null'::text from backstay.complete($1::text::bigint, $2::text::int, $3::text::uuid, $4::text::jsonb)
