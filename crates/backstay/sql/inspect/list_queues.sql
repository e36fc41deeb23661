-- Lists queues with what stands where: up to 1,000 are counted per level of a line, and 10,000 elsewhere. Where the last count of all, less
-- than 45 s ago, found more than 1,000 in a level, or more than 2,000 elsewhere, it is told instead: that many change little meanwhile.
-- role: viewer
-- plan: two looks into ready_pkey per queue and level; the first rows of the other places
with recursive last as materialized (
  select max(d.seen_at) as at from backstay.depth d
   where d.step = 1 and d.at > statement_timestamp() - interval '2 minutes' and d.seen_at > statement_timestamp() - interval '45 seconds'),
fresh as materialized (
  select d.* from last l cross join backstay.depth d where d.step = 1 and d.at > statement_timestamp() - interval '2 minutes' and d.seen_at = l.at),
long as materialized (
  select coalesce(sum(f.scheduled), 0) > 2000 as later, coalesce(sum(f.parked), 0) > 2000 as parked, coalesce(sum(f.running), 0) > 2000 as running,
         coalesce(sum(f.dead), 0) > 2000 as dead
    from fresh f),
line (name, n) as (
  (select r.queue, 1 from backstay.ready r order by r.queue limit 1)
  union all
  select (select r.queue from backstay.ready r where r.queue > l.name order by r.queue limit 1), l.n + 1
    from line l where l.name is not null and l.n < 1000),
later as (
  select s.queue, count(*) as n, min(s.run_at) as next from (select s.queue, s.run_at from backstay.scheduled s order by s.run_at limit (select case when g.later then 2000 else 10000 end from long g)) s group by s.queue),
parked as (
  select p.queue, count(*) as n from (select p.queue from backstay.parked p order by p.job_id limit (select case when g.parked then 2000 else 10000 end from long g)) p group by p.queue),
running as (
  select r.queue, count(*) as n from (select r.queue from backstay.running r order by r.job_id limit (select case when g.running then 2000 else 10000 end from long g)) r group by r.queue),
dead as (
  select d.queue, count(*) as n from (select d.queue from backstay.dead_letters d where d.discarded_at is null order by d.died_at desc limit (select case when g.dead then 2000 else 10000 end from long g)) d group by d.queue),
cut as (
  select (select coalesce(sum(n), 0) >= 10000 and not (select g.later from long g) from later) as later, (select coalesce(sum(n), 0) >= 10000 and not (select g.parked from long g) from parked) as parked,
         (select coalesce(sum(n), 0) >= 10000 and not (select g.running from long g) from running) as running, (select coalesce(sum(n), 0) >= 10000 and not (select g.dead from long g) from dead) as dead),
served as (
  select q.name, count(*) filter (where w.state = 'live') as workers, coalesce(sum(w.slots) filter (where w.state = 'live'), 0) as slots,
         max(w.beat_at) as last_at, (array_agg(w.host order by w.beat_at desc))[1] as last_host
    from backstay.workers w cross join lateral unnest(w.queues) q(name) group by q.name),
paused as (
  select p.* from backstay.pause p where p.scope = 'queue' and (p.until is null or p.until > backstay.clock())),
named as (
  select q.name from backstay.queue q union select l.name from line l where l.name is not null union select queue from later
   union select queue from parked union select queue from running union select queue from dead
   union select f.queue from fresh f where f.ready + f.scheduled + f.parked + f.running + f.dead > 0
   union select s.name from served s where s.workers > 0 union select name from paused)
select jsonb_build_object(
         'name', n.name, 'declared', exists (select from backstay.queue q where q.name = n.name),
         'ready', jsonb_build_object('count', r.n, 'more', r.more), 'by_priority', coalesce(r.levels, '{}'),
         'oldest_ready_at', r.oldest, 'oldest_by_priority', coalesce(r.ages, '{}'),
         'scheduled', jsonb_build_object('count', greatest(l.n, case when g.later then f.scheduled end, 0), 'more', c.later), 'next_run_at', l.next,
         'parked', jsonb_build_object('count', greatest(p.n, case when g.parked then f.parked end, 0), 'more', c.parked),
         'running', jsonb_build_object('count', greatest(u.n, case when g.running then f.running end, 0), 'more', c.running),
         'dead', jsonb_build_object('count', greatest(d.n, case when g.dead then f.dead end, 0), 'more', c.dead),
         'workers', coalesce(s.workers, 0), 'slots', coalesce(s.slots, 0), 'served_at', s.last_at, 'served_by', s.last_host,
         'start_within_ms', (select (q.settings ->> 'start_within_ms')::bigint from backstay.queue q where q.name = n.name),
         'paused', case when x.name is not null then jsonb_build_object('since', x.since, 'until', x.until, 'by', x.by, 'reason', x.reason) end)::text
  from named n
 cross join cut c
 cross join long g
  left join fresh f on f.queue = n.name
 cross join lateral (
   select coalesce(sum(v.n), 0)::bigint as n, coalesce(bool_or(v.more), false) as more, min(v.oldest) as oldest,
          jsonb_object_agg(v.priority, jsonb_build_object('count', v.n, 'more', v.more)) filter (where v.n > 0) as levels,
          jsonb_object_agg(v.priority, v.oldest) filter (where v.oldest is not null) as ages
     from (
       select k.priority, k.oldest, least(k.n, greatest(k.counted, 1000)) as n, k.n > greatest(k.counted, 1000) as more
         from (
           select x.priority, x.oldest, x.counted, case when x.oldest is null then 0 when x.counted > 1000 then x.counted else (
                    select count(*) from (
                      select from backstay.ready r where r.queue = n.name and r.priority = x.priority limit 1001) y) end as n
             from (
               select g.priority, coalesce(f.levels[g.priority + 1], 0) as counted,
                      (select r.ready_at from backstay.ready r where r.queue = n.name and r.priority = g.priority order by r.seq limit 1) as oldest
                 from generate_series(0, 9) g(priority)) x) k) v) r
  left join later l on l.queue = n.name
  left join parked p on p.queue = n.name
  left join running u on u.queue = n.name
  left join dead d on d.queue = n.name
  left join served s on s.name = n.name
  left join paused x on x.name = n.name
 order by n.name limit 1000
