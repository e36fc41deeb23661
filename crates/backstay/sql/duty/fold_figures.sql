-- Adds minutes that are long over to the lines of all workers together, by minute, by five minutes and by hour.
-- moves: none                          role: worker
-- $1 n int
-- locks: the minutes that it folds, skip locked; then lines in the order of their key
-- note: seven minutes after its beginning nobody writes a minute any more (write_figures takes it for five)
with quick as materialized (select set_config('synchronous_commit', 'off', true)),
over as materialized (
  select f.at, f.queue, f.kind, f.worker from quick cross join backstay.figure f
   where f.step = 0 and f.at < statement_timestamp() - interval '7 minutes'
   order by f.at, f.queue, f.kind, f.worker limit $1::int for update of f skip locked),
gone as (
  delete from backstay.figure f using over o
   where f.step = 0 and f.at = o.at and f.queue = o.queue and f.kind = o.kind and f.worker = o.worker returning f.*),
part as materialized (
  select s.step, date_bin(s.step * interval '1 minute', g.at, timestamptz '2000-01-01 00:00:00+00') as bin, g.queue, g.kind, g.started, g.completed,
         g.cancelled, g.dead, g.failed, g.lost, g.snoozed, g.wait_ms, g.run_ms, g.cpu_ms, g.waits, g.runs, g.peaks
    from gone g cross join (values (1::smallint), (5::smallint), (60::smallint)) s(step)),
sums as (
  select step, bin, queue, kind, sum(started) as started, sum(completed) as completed, sum(cancelled) as cancelled, sum(dead) as dead,
         sum(failed) as failed, sum(lost) as lost, sum(snoozed) as snoozed, sum(wait_ms) as wait_ms, sum(run_ms) as run_ms, sum(cpu_ms) as cpu_ms
    from part group by step, bin, queue, kind),
bars as (
  select p.step, p.bin, p.queue, p.kind, b.of, b.i, sum(b.n)::bigint as n
    from part p cross join lateral (
      select 'w' as of, w.n, w.i from unnest(p.waits) with ordinality w(n, i)
       union all select 'r', r.n, r.i from unnest(p.runs) with ordinality r(n, i)
       union all select 'p', k.n, k.i from unnest(p.peaks) with ordinality k(n, i)) b
   group by p.step, p.bin, p.queue, p.kind, b.of, b.i),
lists as (
  select step, bin, queue, kind, array_agg(n order by i) filter (where of = 'w') as waits, array_agg(n order by i) filter (where of = 'r') as runs,
         array_agg(n order by i) filter (where of = 'p') as peaks
    from bars group by step, bin, queue, kind),
added as (
  insert into backstay.figure as f (step, at, queue, kind, worker, started, completed, cancelled, dead, failed, lost, snoozed, wait_ms, run_ms,
                                    cpu_ms, waits, runs, peaks)
  select s.step, s.bin, s.queue, s.kind, '00000000-0000-0000-0000-000000000000', s.started, s.completed, s.cancelled, s.dead, s.failed, s.lost,
         s.snoozed, s.wait_ms, s.run_ms, s.cpu_ms, coalesce(l.waits, '{}'), coalesce(l.runs, '{}'), coalesce(l.peaks, '{}')
    from sums s left join lists l using (step, bin, queue, kind)
   order by s.step, s.bin, s.queue, s.kind
  on conflict (step, at, queue, kind, worker) do update
     set started = f.started + excluded.started, completed = f.completed + excluded.completed, cancelled = f.cancelled + excluded.cancelled,
         dead = f.dead + excluded.dead, failed = f.failed + excluded.failed, lost = f.lost + excluded.lost, snoozed = f.snoozed + excluded.snoozed,
         wait_ms = f.wait_ms + excluded.wait_ms, run_ms = f.run_ms + excluded.run_ms, cpu_ms = f.cpu_ms + excluded.cpu_ms,
         waits = array(select coalesce(u.a, 0) + coalesce(u.b, 0) from unnest(f.waits, excluded.waits) with ordinality u(a, b, i) order by u.i),
         runs = array(select coalesce(u.a, 0) + coalesce(u.b, 0) from unnest(f.runs, excluded.runs) with ordinality u(a, b, i) order by u.i),
         peaks = array(select coalesce(u.a, 0) + coalesce(u.b, 0) from unnest(f.peaks, excluded.peaks) with ordinality u(a, b, i) order by u.i))
select count(*) as folded from gone
