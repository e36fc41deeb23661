-- Puts jobs whose handlers asked for it back for later; costs no retry.
-- moves: running -> scheduled          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 delays_ms bigint[], $5 details text[]
-- locks: running rows by primary key, in id order; found one by one, since tables that swing between nothing and a million
--        rows make any join of them a guess; deleted by key, since a cancel that this waited for has moved the row
-- note: a job that somebody has cancelled meanwhile stays, for it must not go on; its worker sends another verdict
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::bigint[], $5::text[]) a(job_id, attempt, delay_ms, detail) order by 1),
held as materialized (
  select a.delay_ms, a.detail, r.*
    from asked a
   cross join lateral (
     select r.* from backstay.running r
      where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid and r.cancel is null for update) r),
gone as (delete from backstay.running r where r.job_id = any(array(select job_id from held))),
later as (
  insert into backstay.scheduled (run_at, job_id, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind, why)
  select backstay.clock() + delay_ms * interval '1 ms', job_id, memory_mib, attempt, retry_count, crash_count, lost_count,
         snooze_count + 1, interrupt_count, priority, queue, kind, 'snoozed' from held),
noted as (
  insert into backstay.attempt
  select a.* from held h cross join lateral jsonb_populate_record(null::backstay.attempt, h.detail::jsonb || jsonb_build_object(
         'job_id', h.job_id, 'attempt', h.attempt, 'queue', h.queue, 'kind', h.kind, 'worker', h.worker, 'billed', 'snooze',
         'claimed_at', h.claimed_at, 'ended_at', backstay.clock(),
         'release', (select w.release from backstay.worker w where w.id = $3::uuid))) a)
select job_id from held
