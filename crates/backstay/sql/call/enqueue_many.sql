-- Asks for many jobs of any kinds, in the caller's transaction.
-- role: enqueuer
-- $1 jobs (a JSON array of {"kind", "args", "options"}), $2 options for all (a JSON object); all text
-- answers [{"id": "4211", "created": true}, ...] in the order of the jobs
select coalesce(json_agg(json_build_object('id', id::text, 'created', created) order by n), '[]')::text from backstay.enqueue_many($1::text::jsonb, $2::text::jsonb)
