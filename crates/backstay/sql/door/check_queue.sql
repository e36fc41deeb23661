-- Every queue that is declared, served or paused, and since when its jobs may be claimed (null: they may not). Columns are
-- only ever added, at the end.
-- role: viewer, operator, worker, auditor
-- needs: inner/clock.sql
create or replace view backstay.check_queue as
with served as (
  select q.queue, min(w.started_at) as since from backstay.worker w cross join lateral unnest(w.queues) q(queue)
   where w.goodbye_at is null and w.lost_at is null and w.drain_at is null and w.lease_until > statement_timestamp() group by q.queue),
paused as (select p.name, p.until, p.until is null or p.until > backstay.clock() as still from backstay.pause p where p.scope = 'queue'),
named as (select q.name from backstay.queue q union select s.queue from served s union select p.name from paused p)
select n.name as queue, coalesce(p.still, false) as paused, s.queue is not null as served,
       case when s.queue is not null and p.still is not true then
         greatest(p.until,
                  greatest(s.since, (select max(a.at) from backstay.audit a where a.target = 'queue ' || n.name and a.verb = 'resume'))
                  -- Workers and the audit go by the real clock, jobs by one that the testing kit moves.
                  + (backstay.clock() - statement_timestamp())) end as open_since
  from named n
  left join served s on s.queue = n.name
  left join paused p on p.name = n.name;
