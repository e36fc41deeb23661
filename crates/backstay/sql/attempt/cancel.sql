-- Ends jobs that were stopped by intent: an operator's, the application's, or the handler's own.
-- moves: running -> cancelled          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 reasons text[], $5 details text[]
-- locks: running rows by primary key, in id order
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::text[], $5::text[]) a(job_id, attempt, reason, detail) order by 1),
gone as (
  delete from backstay.running r using asked a
   where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid returning r.*, a.reason, a.detail),
body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.*),
key as (
  delete from backstay.unique_key k using body b
   where b.unique_hash is not null and k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
line as (
  insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, attempt, retry_count, crash_count,
         lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by,
         worker, reason, group_key, unique_hash, unique_label, tags, schedule)
  select b.id, b.enqueued_at, g.ready_at, g.claimed_at, backstay.clock(), g.attempt, g.retry_count, g.crash_count,
         g.lost_count, g.snooze_count, g.interrupt_count, b.revived_count, b.max_retries, b.priority, 'cancelled', b.queue,
         b.kind, b.enqueued_by, g.worker, coalesce(g.cancel ->> 'reason', g.reason), b.group_key, b.unique_hash,
         b.unique_label, b.tags, b.schedule
    from gone g join body b on b.id = g.job_id),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select b.id, backstay.clock(), b.args, null, b.meta, b.trace from body b),
noted as (
  insert into backstay.attempt
  select a.* from gone g cross join lateral jsonb_populate_record(null::backstay.attempt, g.detail::jsonb || jsonb_build_object(
         'job_id', g.job_id, 'attempt', g.attempt, 'queue', g.queue, 'kind', g.kind, 'worker', g.worker, 'billed', 'nothing',
         'claimed_at', g.claimed_at, 'ended_at', backstay.clock())) a)
select job_id from gone
