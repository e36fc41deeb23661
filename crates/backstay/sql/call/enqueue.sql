-- Asks for one job, in the caller's transaction.
-- role: enqueuer
-- $1 kind, $2 args (a JSON object), $3 options (a JSON object); all text
-- answers {"id": "4211", "created": true}
select json_build_object('id', id::text, 'created', created)::text from backstay.enqueue($1::text, $2::text::jsonb, $3::text::jsonb)
