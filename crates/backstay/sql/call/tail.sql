-- Says that somebody looks at what a job prints, for the next 30 seconds.
-- role: viewer, operator
-- $1 id, as text
-- answers whether the job is one that has not ended
select (backstay.tail($1::text::bigint) is not null)::text
