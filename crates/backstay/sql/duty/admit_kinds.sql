-- Brings back what was parked for a kind that is not paused any more, or that a live worker knows again.
-- moves: parked -> ready               role: worker
-- $1 n int
-- locks: parked rows, skip locked, in line order
with free as materialized (
  select p.ctid as spot from backstay.parked p
   where (p.reason = 'paused'
          and not exists (select from backstay.pause x where x.scope = 'kind' and x.name = p.subject
                           and (x.until is null or x.until > backstay.clock())))
      or (p.reason = 'unknown_kind'
          and exists (select from backstay.worker w where w.lease_until > statement_timestamp() and w.goodbye_at is null
                       and p.queue = any(w.queues) and (w.kinds ? p.kind or w.kinds ? '*')))
   order by p.priority, p.seq limit $1::int for update skip locked),
gone as (delete from backstay.parked p where p.ctid = any(array(select spot from free)) returning p.*),
line as (
  insert into backstay.ready (seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind)
  select nextval('backstay.entry_seq'), job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, priority, queue, kind
    from (select * from gone order by priority, seq) g)
select count(*)::bigint as moved from gone
