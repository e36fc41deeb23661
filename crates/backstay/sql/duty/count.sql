-- Counts what stands where, exactly and by queue, for charts and for lists whose own count ends at a bound.
-- moves: none                          role: worker
-- $1 n int: queues at most
-- plan: reads each place once; one look into ready_pkey per queue and level for the first in line
with quick as materialized (select set_config('synchronous_commit', 'off', true)),
line as materialized (select r.queue, r.priority, count(*) as n from backstay.ready r group by r.queue, r.priority),
levels as materialized (
  select l.queue, l.priority, l.n,
         (select r.ready_at from backstay.ready r where r.queue = l.queue and r.priority = l.priority order by r.seq limit 1) as oldest
    from line l),
scheduled as (select s.queue, count(*) as n from backstay.scheduled s group by s.queue),
parked as (select p.queue, count(*) as n from backstay.parked p group by p.queue),
running as (select r.queue, count(*) as n from backstay.running r group by r.queue),
dead as (select d.queue, count(*) as n from backstay.dead_letter d where d.discarded_at is null group by d.queue),
named as (
  select name from backstay.queue union select queue from line union select queue from scheduled union select queue from parked
   union select queue from running union select queue from dead order by 1 limit $1::int),
counted as materialized (
  select n.name as queue, coalesce(v.n, 0) as ready, coalesce(s.n, 0) as scheduled, coalesce(p.n, 0) as parked, coalesce(r.n, 0) as running,
         coalesce(d.n, 0) as dead, greatest(coalesce(extract(epoch from backstay.clock() - v.oldest) * 1000, 0), 0)::bigint as oldest_ms, v.levels
    from quick cross join named n
   cross join lateral (
     select sum(l.n)::bigint as n, min(l.oldest) as oldest, array_agg(coalesce(l.n, 0) order by g.priority) as levels
       from generate_series(0, 9) g(priority) left join levels l on l.queue = n.name and l.priority = g.priority) v
    left join scheduled s on s.queue = n.name
    left join parked p on p.queue = n.name
    left join running r on r.queue = n.name
    left join dead d on d.queue = n.name),
written as (
  insert into backstay.depth as d (step, at, queue, ready, scheduled, parked, running, dead, oldest_ms, levels, seen_at)
  select s.step, date_bin(s.step * interval '1 minute', statement_timestamp(), timestamptz '2000-01-01 00:00:00+00'), c.queue, c.ready, c.scheduled,
         c.parked, c.running, c.dead, c.oldest_ms, c.levels, statement_timestamp()
    from counted c cross join (values (1::smallint), (5::smallint), (60::smallint)) s(step)
   order by s.step, c.queue
  on conflict (step, at, queue) do update
     set ready = case d.step when 1 then excluded.ready else greatest(d.ready, excluded.ready) end,
         scheduled = case d.step when 1 then excluded.scheduled else greatest(d.scheduled, excluded.scheduled) end,
         parked = case d.step when 1 then excluded.parked else greatest(d.parked, excluded.parked) end,
         running = case d.step when 1 then excluded.running else greatest(d.running, excluded.running) end,
         dead = case d.step when 1 then excluded.dead else greatest(d.dead, excluded.dead) end,
         oldest_ms = case d.step when 1 then excluded.oldest_ms else greatest(d.oldest_ms, excluded.oldest_ms) end,
         levels = excluded.levels, seen_at = excluded.seen_at)
select count(*) as queues from counted
