-- Notes how far an attempt is, in the caller's transaction.
-- role: whoever holds the fence
-- $1 job id, $2 attempt, $3 worker, $4 percent, $5 options (a JSON object, `note`); all text
-- answers null
select 'null'::text from backstay.progress($1::text::bigint, $2::text::int, $3::text::uuid, $4::text::real, $5::text::jsonb)
