-- Takes the jobs of a paused kind out of the line.
-- moves: ready -> parked               role: worker
-- $1 n int
-- locks: ready rows, skip locked, in line order
with still as materialized (
  select r.queue, r.priority, r.seq from backstay.pause x join backstay.ready r on r.kind = x.name
   where x.scope = 'kind' and (x.until is null or x.until > backstay.clock())
   order by r.queue, r.priority, r.seq limit $1::int for update of r skip locked),
gone as (
  delete from backstay.ready r using still s
   where r.queue = s.queue and r.priority = s.priority and r.seq = s.seq returning r.*),
held as (
  insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, priority, queue, kind, reason, subject)
  select job_id, seq, ready_at, backstay.clock(), memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, 'paused', kind from gone)
select count(*)::bigint as moved from gone
