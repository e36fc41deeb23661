-- Ends jobs that are done, of kinds that keep nothing of it.
-- moves: running -> completed          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid
-- locks: running rows by primary key, in id order
with asked as materialized (select * from unnest($1::bigint[], $2::int[]) a(job_id, attempt) order by 1),
gone as (
  delete from backstay.running r using asked a
   where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid returning r.job_id),
body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.id, j.unique_hash),
key as (
  delete from backstay.unique_key k using body b
   where b.unique_hash is not null and k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period')
select job_id from gone
