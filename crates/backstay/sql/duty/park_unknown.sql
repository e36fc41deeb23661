-- Parks what has stood in line for a minute and no live worker of its queue can take; it never counts as a failure.
-- moves: ready -> parked               role: worker
-- $1 n int, $2 after_ms bigint
-- locks: ready rows, skip locked, in line order
with alive as materialized (
  select w.queues, w.kinds from backstay.worker w where w.lease_until > statement_timestamp() and w.goodbye_at is null),
lost as materialized (
  select r.queue, r.priority, r.seq from backstay.ready r
   where r.ready_at < backstay.clock() - $2::bigint * interval '1 ms'
     and exists (select from alive a where r.queue = any(a.queues))
     and not exists (select from alive a where r.queue = any(a.queues) and (a.kinds ? r.kind or a.kinds ? '*'))
   order by r.queue, r.priority, r.seq limit $1::int for update skip locked),
gone as (
  delete from backstay.ready r using lost l
   where r.queue = l.queue and r.priority = l.priority and r.seq = l.seq returning r.*),
held as (
  insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, priority, queue, kind, reason, subject)
  select job_id, seq, ready_at, backstay.clock(), memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, 'unknown_kind', kind from gone)
select count(*)::bigint as moved from gone
