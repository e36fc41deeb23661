-- Ends jobs that are done.
-- moves: running -> completed          role: worker
-- $1 ids bigint[], ascending, $2 attempts int[], $3 worker uuid, $4 wall_ms int[], $5 cpu_ms int[], $6 peak_kib int[],
-- $7 outputs text[], $8 release text, $9 terms_no int[], $10 details text[] (columns of attempt, as a JSON object)
-- locks: running rows by primary key, in id order
-- plan: no join: tables that swing between nothing and a million rows make any join of them a guess. What belongs to an id
--       stands at its place in $1, which width_bucket finds by halving.
with gone as (
  delete from backstay.running r
   where r.job_id = any($1::bigint[]) and r.attempt = ($2::int[])[width_bucket(r.job_id, $1::bigint[])] and r.worker = $3::uuid
  returning r.*),
body as materialized (
  select width_bucket(g.job_id, $1::bigint[]) as n, g.job_id, g.ready_at, g.claimed_at, g.attempt, g.retry_count, g.crash_count,
         g.lost_count, g.snooze_count, g.interrupt_count, g.worker, j.spot as body_spot, j.enqueued_at, j.revived_count, j.max_retries,
         j.priority, j.queue, j.kind, j.enqueued_by, j.group_key, j.unique_hash, j.unique_label, j.tags, j.schedule, j.args, j.meta,
         j.trace
    from gone g
   cross join lateral (select j.ctid as spot, j.* from backstay.job j where j.id = g.job_id offset 0) j),
done as (delete from backstay.job j where j.ctid = any(array(select body_spot from body))),
key as (
  delete from backstay.unique_key k where k.ctid = any(array(
    select s.spot from body b cross join lateral (
      select k.ctid as spot from backstay.unique_key k
       where k.hash = b.unique_hash and k.job_id = b.job_id and k.until <> 'period' offset 0) s
     where b.unique_hash is not null))),
line as (
  insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, cpu_ms, peak_kib, terms_no, attempt,
         retry_count, crash_count, lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state,
         queue, kind, enqueued_by, worker, group_key, unique_hash, unique_label, tags, release, schedule, detail)
  select job_id, enqueued_at, ready_at, claimed_at, backstay.clock(), ($4::int[])[n], ($5::int[])[n], ($6::int[])[n], ($9::int[])[n],
         attempt, retry_count, crash_count, lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority,
         'completed', queue, kind, enqueued_by, worker, group_key, unique_hash, unique_label, tags, $8::text, schedule,
         ($10::text[])[n]::jsonb
    from body),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select job_id, backstay.clock(), args, ($7::text[])[n]::jsonb, meta, trace from body)
select job_id from gone
