-- Forgets keys whose period is over, and pauses that have ended.
-- moves: none                          role: worker
-- $1 n int
with over as materialized (
  select k.hash from backstay.unique_key k where k.expires_at < backstay.clock() order by k.expires_at limit $1::int for update skip locked),
keys as (delete from backstay.unique_key k using over o where k.hash = o.hash returning 1),
-- A key `until started` is given up at the claim, without a write; here those go whose jobs are gone altogether. Locked
-- only while the holder is the one that was seen: a later one may have a job that this statement cannot see.
started as materialized (
  select k.hash, k.job_id from backstay.unique_key k
   where k.until = 'started' and not exists (select from backstay.job j where j.id = k.job_id) order by k.job_id limit $1::int),
idle as materialized (
  select k.hash from started s join backstay.unique_key k on k.hash = s.hash and k.job_id = s.job_id for update of k skip locked),
left_over as (delete from backstay.unique_key k using idle i where k.hash = i.hash returning 1),
pauses as (delete from backstay.pause p where p.until < backstay.clock() returning p.scope, p.name, p.until),
-- What a schedule was to do during its pause is not caught up.
resumed as (
  update backstay.schedule s set counted_to = greatest(s.counted_to, p.until), look_at = backstay.clock()
    from pauses p where p.scope = 'schedule' and p.name = s.name returning 1)
select (select count(*) from keys) + (select count(*) from left_over) + (select count(*) from pauses) + (select 0 * count(*) from resumed) as gone
