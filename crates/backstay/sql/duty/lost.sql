-- Marks a worker as lost and raises the alert of it, once; not while it has jobs that somebody else is taking over just now,
-- for whoever that is may die of it, and nobody looks again at a worker that is marked.
-- moves: none                          role: worker
-- $1 worker uuid, $2 jobs int, $3 evidence text
with gone as (
  update backstay.worker set lost_at = statement_timestamp()
   where id = $1::uuid and lost_at is null and not exists (select from backstay.running r where r.worker = $1::uuid)
  returning id, host)
insert into backstay.alert (raised_at, rule, subject, detail)
select statement_timestamp(), 'worker_lost', id::text, jsonb_build_object('host', host, 'jobs', $2::int, 'evidence', $3::text)
  from gone
