-- Ends jobs that are done.
-- moves: running -> completed          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 wall_ms int[], $5 cpu_ms int[], $6 peak_kib int[], $7 outputs text[],
-- $8 release text
-- locks: running rows by primary key, in id order
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::int[], $5::int[], $6::int[], $7::text[])
         a(job_id, attempt, wall_ms, cpu_ms, peak_kib, output) order by 1),
gone as (
  delete from backstay.running r using asked a
   where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid
  returning r.*, a.wall_ms, a.cpu_ms, a.peak_kib, a.output),
body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.*),
key as (
  delete from backstay.unique_key k using body b
   where b.unique_hash is not null and k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
line as (
  insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, cpu_ms, peak_kib, attempt,
         retry_count, crash_count, lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state,
         queue, kind, enqueued_by, worker, group_key, unique_hash, unique_label, tags, release, schedule)
  select b.id, b.enqueued_at, g.ready_at, g.claimed_at, backstay.clock(), g.wall_ms, g.cpu_ms, g.peak_kib, g.attempt,
         g.retry_count, g.crash_count, g.lost_count, g.snooze_count, g.interrupt_count, b.revived_count, b.max_retries,
         b.priority, 'completed', b.queue, b.kind, b.enqueued_by, g.worker, b.group_key, b.unique_hash, b.unique_label,
         b.tags, $8::text, b.schedule
    from gone g join body b on b.id = g.job_id),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select b.id, backstay.clock(), b.args, g.output::jsonb, b.meta, b.trace from gone g join body b on b.id = g.job_id)
select job_id from gone
