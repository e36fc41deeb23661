-- Parks what has stood in line for a minute and no live worker of its queue can take; it never counts as a failure.
-- moves: ready -> parked               role: worker
-- $1 n int, $2 after_ms bigint
-- locks: ready rows, skip locked, in line order
-- plan: the first n rows of each level, which is where a job that nobody takes ends up
with alive as materialized (
  select w.queues, w.kinds from backstay.worker w where w.lease_until > statement_timestamp() and w.goodbye_at is null),
served as materialized (select distinct q.queue from alive a cross join lateral unnest(a.queues) q(queue)),
lost as materialized (
  select r.spot
    from served q
   cross join generate_series(0, 9) p(priority)
   cross join lateral (
     select r.ctid as spot, r.kind, r.ready_at from backstay.ready r
      where r.queue = q.queue and r.priority = p.priority::smallint
      order by r.seq limit $1::int) r
   where r.ready_at < backstay.clock() - $2::bigint * interval '1 ms'
     and not exists (select from alive a where q.queue = any(a.queues) and (a.kinds ? r.kind or a.kinds ? '*'))),
held_row as materialized (
  select r.ctid as spot from backstay.ready r where r.ctid = any(array(select spot from lost)) for update skip locked),
gone as (delete from backstay.ready r where r.ctid = any(array(select spot from held_row)) returning r.*),
held as (
  insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, priority, queue, kind, reason, subject)
  select job_id, seq, ready_at, backstay.clock(), memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, 'unknown_kind', kind from gone)
select count(*)::bigint as moved from gone
