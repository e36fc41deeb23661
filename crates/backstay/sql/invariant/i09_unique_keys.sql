-- A unique key is held exactly as long as its job is unfinished: none is left behind, none is missing.
-- sort: defect                         role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
-- note: keys until the start are given up without a write, keys of a period outlive their job: neither proves anything
select u.job_id::text as subject, 'neither waits nor runs, and its unique key was left behind' as detail
  from backstay.check_unique u
 where u.until = 'finished' and u.expires_at is null and ($1::int is null or u.job_id % 16 = $1::int)
   and not exists (
     select from backstay.check_job j where j.job_id = u.job_id and j.place in ('ready', 'scheduled', 'parked', 'running'))
union all
select j.job_id::text, 'is unfinished, and its unique key is not held'
  from backstay.check_job j
 where j.unique_hash is not null and ($1::int is null or j.job_id % 16 = $1::int)
   and not exists (select from backstay.check_unique u where u.hash = j.unique_hash and u.job_id = j.job_id)
 limit 101
