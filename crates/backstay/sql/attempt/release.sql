-- Gives jobs back at once, nobody's fault: to their old place in the line, before all that came after them.
-- moves: running -> ready              role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 bills text[] (interrupt, lost, nothing), $5 details text[]
-- locks: running rows by primary key, in id order; found one by one, since tables that swing between nothing and a million
--        rows make any join of them a guess; deleted by key, since a cancel that this waited for has moved the row
-- note: a job that somebody has cancelled meanwhile stays, for it must not go on; its worker sends another verdict
-- note: an old number may lie below the low marks of the workers, so they are told once
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::text[], $5::text[]) a(job_id, attempt, bill, detail) order by 1),
held as materialized (
  select a.bill, a.detail, r.*
    from asked a
   cross join lateral (
     select r.* from backstay.running r
      where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid and r.cancel is null for update) r),
gone as (delete from backstay.running r where r.job_id = any(array(select job_id from held))),
back as (
  insert into backstay.ready (seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, group_key)
  select seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count + (bill = 'lost')::int, snooze_count,
         interrupt_count + (bill = 'interrupt')::int, priority, queue, kind, group_key from held),
noted as (
  insert into backstay.attempt
  select a.* from held h cross join lateral jsonb_populate_record(null::backstay.attempt, h.detail::jsonb || jsonb_build_object(
         'job_id', h.job_id, 'attempt', h.attempt, 'queue', h.queue, 'kind', h.kind, 'worker', h.worker, 'billed', h.bill,
         'claimed_at', h.claimed_at, 'ended_at', backstay.clock(),
         'release', (select w.release from backstay.worker w where w.id = $3::uuid))) a
   where h.detail is not null),
told as materialized (select nextval('backstay.lowered_seq') from (select 1 from held limit 1) once)
select h.job_id from held h left join told on true
