-- Every queue that is declared, paused, served or has jobs: how many stand where, counted now. Columns are only ever added.
-- role: viewer
-- needs: inner/clock.sql
create or replace view backstay.queues as
with ready as (select queue, count(*) as n, min(ready_at) as oldest from backstay.ready group by queue),
     scheduled as (select queue, count(*) as n, min(run_at) as next from backstay.scheduled group by queue),
     parked as (select queue, count(*) as n from backstay.parked group by queue),
     running as (select queue, count(*) as n from backstay.running group by queue),
     dead as (select queue, count(*) as n from backstay.dead_letter where discarded_at is null group by queue),
     served as (
       select s.queue, count(*) as workers, sum(w.slots) as slots from backstay.worker w cross join lateral unnest(w.queues) s(queue)
        where w.goodbye_at is null and w.lost_at is null and w.lease_until > statement_timestamp() group by s.queue),
     paused as (select * from backstay.pause where scope = 'queue' and (until is null or until > backstay.clock())),
     named as (
       select name from backstay.queue union select queue from ready union select queue from scheduled union select queue from parked
        union select queue from running union select queue from dead union select queue from served union select name from paused)
select n.name, q.name is not null as declared, coalesce(r.n, 0) as ready, coalesce(s.n, 0) as scheduled, coalesce(p.n, 0) as parked,
       coalesce(u.n, 0) as running, coalesce(d.n, 0) as dead, r.oldest as oldest_ready_at, s.next as next_run_at,
       coalesce(v.workers, 0) as workers, coalesce(v.slots, 0) as slots,
       x.name is not null as paused, x.since as paused_at, x.until as paused_until, x.by as paused_by, x.reason as paused_reason, q.settings - 'env' as settings
  from named n
  left join backstay.queue q on q.name = n.name
  left join ready r on r.queue = n.name
  left join scheduled s on s.queue = n.name
  left join parked p on p.queue = n.name
  left join running u on u.queue = n.name
  left join dead d on d.queue = n.name
  left join served v on v.queue = n.name
  left join paused x on x.name = n.name;
