-- Shows one job as a document.
-- role: enqueuer (own jobs), viewer
-- $1 job id, as text
-- answers the job document or null
select coalesce(backstay.show($1::text::bigint)::text, 'null')
