-- Ends jobs that are done.
-- moves: running -> completed          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 wall_ms int[], $5 cpu_ms int[], $6 peak_kib int[], $7 outputs text[],
-- $8 release text, $9 terms_no int[], $10 details text[] (columns of attempt, as a JSON object)
-- locks: running rows by primary key, in id order; found one by one, since tables that swing between nothing and a million
--        rows make any join of them a guess; deleted by key, since a cancel that this waited for has moved the row
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::int[], $5::int[], $6::int[], $7::text[], $9::int[], $10::text[])
         a(job_id, attempt, wall_ms, cpu_ms, peak_kib, output, terms_no, detail) order by 1),
held as materialized (
  select a.wall_ms, a.cpu_ms, a.peak_kib, a.output, a.terms_no, a.detail, r.*
    from asked a
   cross join lateral (
     select r.* from backstay.running r
      where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid for update) r),
gone as (delete from backstay.running r where r.job_id = any(array(select job_id from held))),
body as materialized (
  select h.job_id, h.ready_at, h.claimed_at, h.attempt, h.retry_count, h.crash_count, h.lost_count, h.snooze_count,
         h.interrupt_count, h.worker, h.wall_ms, h.cpu_ms, h.peak_kib, h.output, h.terms_no, h.detail, j.spot as body_spot, j.enqueued_at,
         j.revived_count, j.max_retries, j.priority, j.queue, j.kind, j.enqueued_by, j.group_key, j.unique_hash, j.unique_label,
         j.tags, j.schedule, j.args, j.meta, j.trace
    from held h
   cross join lateral (select j.ctid as spot, j.* from backstay.job j where j.id = h.job_id offset 0) j),
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
  select job_id, enqueued_at, ready_at, claimed_at, backstay.clock(), wall_ms, cpu_ms, peak_kib, terms_no, attempt, retry_count,
         crash_count, lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, 'completed', queue, kind,
         enqueued_by, worker, group_key, unique_hash, unique_label, tags, $8::text, schedule, detail::jsonb
    from body),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select job_id, backstay.clock(), args, output::jsonb, meta, trace from body)
select job_id from held
