-- Brings what is due into line, at its tail; what belongs to a paused kind is parked instead.
-- moves: scheduled -> ready, scheduled -> parked     role: worker
-- $1 n int, $2 look_back_ms bigint (null: from the start)
-- locks: due rows, skip locked, in (run_at, job_id) order
-- note: dead entries lie before the first due one, so the usual look begins shortly before now
with due as materialized (
  select s.ctid as spot from backstay.scheduled s
   where s.run_at <= backstay.clock()
     and ($2::bigint is null or s.run_at >= backstay.clock() - $2::bigint * interval '1 ms')
   order by s.run_at, s.job_id limit $1::int for update skip locked),
gone as (delete from backstay.scheduled s where s.ctid = any(array(select spot from due)) returning s.*),
placed as materialized (
  select g.*, nextval('backstay.entry_seq') as seq,
         exists (select from backstay.pause p where p.scope = 'kind' and p.name = g.kind
                  and (p.until is null or p.until > backstay.clock())) as paused
    from (select * from gone order by run_at, job_id) g),
held as (
  insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, priority, queue, kind, reason, subject)
  select job_id, seq, run_at, backstay.clock(), memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, 'paused', kind from placed where paused),
line as (
  insert into backstay.ready (seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind)
  select seq, job_id, run_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count, interrupt_count,
         priority, queue, kind from placed where not paused)
select (select count(*) from placed)::bigint as moved,
       (select (extract(epoch from min(s.run_at) - backstay.clock()) * 1000)::bigint
          from backstay.scheduled s where s.run_at > backstay.clock()) as next_in_ms
