-- Lists kinds that are declared, known to a live worker, paused, or of which jobs run, are parked or are dead; by name.
-- role: viewer
-- plan: the first 10,000 rows of each place; what stands in line is counted by queue only
with parked as (
  select p.kind, count(*) as n from (select p.kind from backstay.parked p order by p.job_id limit 10000) p group by p.kind),
running as (
  select r.kind, count(*) as n from (select r.kind from backstay.running r order by r.job_id limit 10000) r group by r.kind),
dead as (
  select d.kind, count(*) as n from (select d.kind from backstay.dead_letters d where d.discarded_at is null order by d.died_at desc limit 10000) d group by d.kind),
cut as (
  select (select coalesce(sum(n), 0) >= 10000 from parked) as parked, (select coalesce(sum(n), 0) >= 10000 from running) as running,
         (select coalesce(sum(n), 0) >= 10000 from dead) as dead),
served as (
  select k.name, count(*) as workers from backstay.workers w cross join lateral jsonb_object_keys(w.kinds) k(name)
   where w.state = 'live' group by k.name),
sent as (
  select distinct k.name from backstay.workers w cross join lateral jsonb_array_elements_text(w.admission -> 'by_address') k(name)
   where w.state = 'live'),
paused as (
  select p.* from backstay.pause p where p.scope = 'kind' and (p.until is null or p.until > backstay.clock())),
named as (
  select k.name from backstay.kind k union select name from served where name <> '*' union select name from paused
   union select kind from parked union select kind from running union select kind from dead)
select jsonb_build_object(
         'name', n.name, 'declared', k.name is not null, 'declared_at', k.set_at, 'contract', backstay.contract(n.name) - array['kind', 'declared'],
         'workers', coalesce(s.workers, 0) + coalesce((select a.workers from served a where a.name = '*'), 0),
         'parked', jsonb_build_object('count', coalesce(p.n, 0), 'more', c.parked),
         'running', jsonb_build_object('count', coalesce(u.n, 0), 'more', c.running),
         'dead', jsonb_build_object('count', coalesce(d.n, 0), 'more', c.dead),
         'by_address', exists (select from sent a where a.name = n.name),
         'paused', case when x.name is not null then jsonb_build_object('since', x.since, 'until', x.until, 'by', x.by, 'reason', x.reason) end,
         'peaks', jsonb_build_object(
           'counts', coalesce((select jsonb_object_agg(b.bucket, b.n)
                                 from (select m.bucket, sum(m.count) as n from backstay.peak m where m.kind = n.name group by m.bucket) b), '{}'),
           'limit_bytes', (select m.limit_kib::bigint * 1024 from backstay.peak m where m.kind = n.name order by m.day desc, m.count desc limit 1)))::text
  from named n
 cross join cut c
  left join backstay.kind k on k.name = n.name
  left join served s on s.name = n.name
  left join parked p on p.kind = n.name
  left join running u on u.kind = n.name
  left join dead d on d.kind = n.name
  left join paused x on x.name = n.name
 order by n.name limit 1000
