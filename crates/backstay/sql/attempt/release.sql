-- Gives jobs back at once, nobody's fault: to their old place in the line, before all that came after them.
-- moves: running -> ready              role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 bills text[] (interrupt, lost, nothing), $5 details text[]
-- locks: running rows by primary key, in id order
-- note: an old number may lie below the low marks of the workers, so they are told once
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::text[], $5::text[]) a(job_id, attempt, bill, detail) order by 1),
gone as (
  delete from backstay.running r using asked a
   where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid returning r.*, a.bill, a.detail),
back as (
  insert into backstay.ready (seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, group_key)
  select seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count + (bill = 'lost')::int, snooze_count,
         interrupt_count + (bill = 'interrupt')::int, priority, queue, kind, group_key from gone),
noted as (
  insert into backstay.attempt
  select a.* from gone g cross join lateral jsonb_populate_record(null::backstay.attempt, g.detail::jsonb || jsonb_build_object(
         'job_id', g.job_id, 'attempt', g.attempt, 'queue', g.queue, 'kind', g.kind, 'worker', g.worker, 'billed', g.bill,
         'claimed_at', g.claimed_at, 'ended_at', backstay.clock())) a
   where g.detail is not null),
told as materialized (select nextval('backstay.lowered_seq') from (select 1 from gone limit 1) once)
select g.job_id from gone g left join told on true
