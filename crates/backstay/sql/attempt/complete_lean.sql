-- Ends jobs that are done, of kinds that keep nothing of it.
-- moves: running -> completed          role: worker
-- $1 ids bigint[], ascending, $2 attempts int[], $3 worker uuid
-- locks: running and job rows by primary key, in id order
-- plan: no join: tables that swing between nothing and a million rows make any join of them a guess. What belongs to an id
--       stands at its place in $1, which width_bucket finds by halving.
with gone as (
  delete from backstay.running r
   where r.job_id = any($1::bigint[]) and r.attempt = ($2::int[])[width_bucket(r.job_id, $1::bigint[])] and r.worker = $3::uuid
  returning r.job_id),
body as (delete from backstay.job j where j.id = any(array(select job_id from gone)) returning j.id, j.unique_hash),
key as (
  delete from backstay.unique_key k where k.ctid = any(array(
    select s.spot from body b cross join lateral (
      select k.ctid as spot from backstay.unique_key k
       where k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period' offset 0) s
     where b.unique_hash is not null)))
select job_id from gone
