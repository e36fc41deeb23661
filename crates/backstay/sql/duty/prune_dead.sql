-- Deletes dead letters that were discarded a week ago, or that somebody has acknowledged longer ago than a retention that was set.
-- moves: none                          role: worker
-- $1 n int, $2 keep_ms bigint (null: for ever)
-- locks: dead letters, skip locked
with over as materialized (
  select d.id from backstay.dead_letter d
   where d.discarded_at < backstay.clock() - interval '7 days'
      or ($2::bigint is not null and d.died_at < backstay.clock() - $2::bigint * interval '1 ms'
          and exists (select from backstay.dead_group g where g.fingerprint = d.fingerprint and g.state = 'acknowledged'))
   order by d.died_at limit $1::int for update skip locked),
gone as (delete from backstay.dead_letter d using over o where d.id = o.id returning d.id)
insert into backstay.audit (affected, verb, target, reason)
select 1, 'prune', id::text, 'retention' from gone
