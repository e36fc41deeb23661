-- Ends jobs that are done, of kinds that keep nothing of it.
-- moves: running -> completed          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid
-- locks: running rows by primary key, in id order; found one by one, since tables that swing between nothing and a million
--        rows make any join of them a guess; deleted by key, since a cancel that this waited for has moved the row
with asked as materialized (select * from unnest($1::bigint[], $2::int[]) a(job_id, attempt) order by 1),
held as materialized (
  select r.*
    from asked a
   cross join lateral (
     select r.job_id from backstay.running r
      where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid for update) r),
gone as (delete from backstay.running r where r.job_id = any(array(select job_id from held))),
body as materialized (
  select h.job_id, j.spot as body_spot, j.unique_hash
    from held h
   cross join lateral (select j.ctid as spot, j.unique_hash from backstay.job j where j.id = h.job_id offset 0) j),
done as (delete from backstay.job j where j.ctid = any(array(select body_spot from body))),
key as (
  delete from backstay.unique_key k where k.ctid = any(array(
    select s.spot from body b cross join lateral (
      select k.ctid as spot from backstay.unique_key k
       where k.hash = b.unique_hash and k.job_id = b.job_id and k.until <> 'period' offset 0) s
     where b.unique_hash is not null)))
select job_id from held
