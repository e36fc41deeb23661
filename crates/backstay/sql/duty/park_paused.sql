-- Takes the jobs of a paused kind out of the line.
-- moves: ready -> parked               role: worker
-- $1 n int
-- locks: ready rows, skip locked, in line order
-- plan: nothing is read unless a kind is paused; then the front of each level, n rows at a time
with still as materialized (
  select r.spot
    from (select distinct x.name from backstay.pause x
           where x.scope = 'kind' and (x.until is null or x.until > backstay.clock())) x
   cross join (select q.name as queue, p.priority from backstay.queue q, generate_series(0, 9) p(priority)) l
   cross join lateral (
     select r.ctid as spot from backstay.ready r
      where r.queue = l.queue and r.priority = l.priority::smallint and r.kind = x.name
      order by r.seq limit $1::int for update skip locked) r),
gone as (delete from backstay.ready r where r.ctid = any(array(select spot from still)) returning r.*),
held as (
  insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, priority, queue, kind, reason, subject)
  select job_id, seq, ready_at, backstay.clock(), memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, 'paused', kind from gone)
select count(*)::bigint as moved from gone
