-- Stops a job for good, wherever it stands.
-- role: enqueuer (own jobs), operator
-- $1 job id, $2 options (a JSON object: `reason`, `grace`); all text
-- answers "cancelled", "cancelling", "too_late" or "not_found"
select to_json(backstay.cancel($1::text::bigint, $2::text::jsonb))::text
