-- Lists queues with what stands where: up to 1,000 are counted per level of a line, and 10,000 elsewhere.
-- role: viewer
-- plan: two looks into ready_pkey per queue and level; the first 10,000 rows of the other places
with recursive line (name, n) as (
  (select r.queue, 1 from backstay.ready r order by r.queue limit 1)
  union all
  select (select r.queue from backstay.ready r where r.queue > l.name order by r.queue limit 1), l.n + 1
    from line l where l.name is not null and l.n < 1000),
later as (
  select s.queue, count(*) as n, min(s.run_at) as next from (select s.queue, s.run_at from backstay.scheduled s order by s.run_at limit 10000) s group by s.queue),
parked as (
  select p.queue, count(*) as n from (select p.queue from backstay.parked p order by p.job_id limit 10000) p group by p.queue),
running as (
  select r.queue, count(*) as n from (select r.queue from backstay.running r order by r.job_id limit 10000) r group by r.queue),
dead as (
  select d.queue, count(*) as n from (select d.queue from backstay.dead_letters d where d.discarded_at is null order by d.died_at desc limit 10000) d group by d.queue),
cut as (
  select (select coalesce(sum(n), 0) >= 10000 from later) as later, (select coalesce(sum(n), 0) >= 10000 from parked) as parked,
         (select coalesce(sum(n), 0) >= 10000 from running) as running, (select coalesce(sum(n), 0) >= 10000 from dead) as dead),
served as (
  select q.name, count(*) filter (where w.state = 'live') as workers, coalesce(sum(w.slots) filter (where w.state = 'live'), 0) as slots,
         max(w.beat_at) as last_at, (array_agg(w.host order by w.beat_at desc))[1] as last_host
    from backstay.workers w cross join lateral unnest(w.queues) q(name) group by q.name),
paused as (
  select p.* from backstay.pause p where p.scope = 'queue' and (p.until is null or p.until > backstay.clock())),
named as (
  select q.name from backstay.queue q union select l.name from line l where l.name is not null union select queue from later
   union select queue from parked union select queue from running union select queue from dead
   union select s.name from served s where s.workers > 0 union select name from paused)
select jsonb_build_object(
         'name', n.name, 'declared', exists (select from backstay.queue q where q.name = n.name),
         'ready', jsonb_build_object('count', least(r.n, 10000), 'more', r.more), 'by_priority', coalesce(r.levels, '{}'),
         'oldest_ready_at', r.oldest, 'oldest_by_priority', coalesce(r.ages, '{}'),
         'scheduled', jsonb_build_object('count', coalesce(l.n, 0), 'more', c.later), 'next_run_at', l.next,
         'parked', jsonb_build_object('count', coalesce(p.n, 0), 'more', c.parked),
         'running', jsonb_build_object('count', coalesce(u.n, 0), 'more', c.running),
         'dead', jsonb_build_object('count', coalesce(d.n, 0), 'more', c.dead),
         'workers', coalesce(s.workers, 0), 'slots', coalesce(s.slots, 0), 'served_at', s.last_at, 'served_by', s.last_host,
         'start_within_ms', (select (q.settings ->> 'start_within_ms')::bigint from backstay.queue q where q.name = n.name),
         'paused', case when x.name is not null then jsonb_build_object('since', x.since, 'until', x.until, 'by', x.by, 'reason', x.reason) end)::text
  from named n
 cross join cut c
 cross join lateral (
   select coalesce(sum(least(v.n, 1000)), 0) as n, coalesce(bool_or(v.n > 1000), false) as more, min(v.oldest) as oldest,
          jsonb_object_agg(v.priority, jsonb_build_object('count', least(v.n, 1000), 'more', v.n > 1000)) filter (where v.n > 0) as levels,
          jsonb_object_agg(v.priority, v.oldest) filter (where v.oldest is not null) as ages
     from (
       select g.priority, (select count(*) from (
                 select from backstay.ready r where r.queue = n.name and r.priority = g.priority limit 1001) y) as n,
              (select r.ready_at from backstay.ready r where r.queue = n.name and r.priority = g.priority order by r.seq limit 1) as oldest
         from generate_series(0, 9) g(priority)) v) r
  left join later l on l.queue = n.name
  left join parked p on p.queue = n.name
  left join running u on u.queue = n.name
  left join dead d on d.queue = n.name
  left join served s on s.name = n.name
  left join paused x on x.name = n.name
 order by n.name limit 1000
