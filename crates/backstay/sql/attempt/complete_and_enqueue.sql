-- Ends one job that is done, and enqueues what its handler asked for, together or not at all.
-- moves: running -> completed          role: worker
-- $1 id bigint, $2 attempt int, $3 worker uuid, $4 wall_ms int, $5 cpu_ms int, $6 peak_kib int, $7 output text,
-- $8 release text, $9 jobs text (as enqueue_many takes them), $10 terms_no int,
-- $11 detail text (columns of attempt, as a JSON object)
-- locks: the running row by primary key
with gone as (
  delete from backstay.running r
   where r.job_id = $1::bigint and r.attempt = $2::int and r.worker = $3::uuid returning r.*),
body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.*),
key as (
  delete from backstay.unique_key k using body b
   where b.unique_hash is not null and k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
line as (
  insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, cpu_ms, peak_kib, terms_no, attempt,
         retry_count, crash_count, lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state,
         queue, kind, enqueued_by, worker, group_key, unique_hash, unique_label, tags, release, schedule, detail)
  select b.id, b.enqueued_at, g.ready_at, g.claimed_at, backstay.clock(), $4::int, $5::int, $6::int, $10::int, g.attempt,
         g.retry_count, g.crash_count, g.lost_count, g.snooze_count, g.interrupt_count, b.revived_count, b.max_retries,
         b.priority, 'completed', b.queue, b.kind, b.enqueued_by, g.worker, b.group_key, b.unique_hash, b.unique_label,
         b.tags, $8::text, b.schedule, $11::text::jsonb
    from gone g join body b on b.id = g.job_id),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select b.id, backstay.clock(), b.args, $7::text::jsonb, b.meta, b.trace from gone g join body b on b.id = g.job_id)
select g.job_id, (select count(*) from backstay.enqueue_many($9::text::jsonb, '{}')) as enqueued from gone g
