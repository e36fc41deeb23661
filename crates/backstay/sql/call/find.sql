-- Finds the job that holds a unique key.
-- role: enqueuer (own jobs), operator
-- $1 kind, $2 unique key; all text
-- answers "4211" or null
select coalesce(to_json(backstay.find($1::text, $2::text)::text), 'null')::text
