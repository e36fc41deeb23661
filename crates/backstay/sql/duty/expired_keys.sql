-- Forgets keys whose period is over, and pauses that have ended.
-- moves: none                          role: worker
-- $1 n int
with over as materialized (
  select k.hash from backstay.unique_key k where k.expires_at < backstay.clock() order by k.expires_at limit $1::int for update skip locked),
keys as (delete from backstay.unique_key k using over o where k.hash = o.hash returning 1),
pauses as (delete from backstay.pause p where p.until < backstay.clock() returning 1)
select (select count(*) from keys) + (select count(*) from pauses) as gone
