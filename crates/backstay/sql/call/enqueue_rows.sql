-- Asks for many jobs that share their kind and options, in the caller's transaction.
-- role: enqueuer
-- $1 kind, $2 args of each job (a JSON array of objects), $3 options for all (a JSON object); all text
-- answers [{"id": "4211", "created": true}, ...] in the order of the args
select coalesce(json_agg(json_build_object('id', id::text, 'created', created) order by n), '[]')::text from backstay.enqueue_rows($1::text, array(select value from jsonb_array_elements($2::text::jsonb) with ordinality each (value, place) order by place), $3::text::jsonb)
