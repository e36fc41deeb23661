-- Ends jobs that were stopped by intent: an operator's, the application's, or the handler's own.
-- moves: running -> cancelled          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 reasons text[] (null: only where somebody has cancelled it),
-- $5 details text[]
-- locks: running rows by primary key, in id order; found one by one, since tables that swing between nothing and a million
--        rows make any join of them a guess; deleted by key, since a cancel that this waited for has moved the row
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::text[], $5::text[]) a(job_id, attempt, reason, detail) order by 1),
held as materialized (
  select a.reason, a.detail, r.*
    from asked a
   cross join lateral (
     select r.* from backstay.running r
      where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid
        and (a.reason is not null or r.cancel is not null) for update) r),
gone as (delete from backstay.running r where r.job_id = any(array(select job_id from held))),
body as materialized (
  select h.job_id, h.ready_at, h.claimed_at, h.attempt, h.retry_count, h.crash_count, h.lost_count, h.snooze_count,
         h.interrupt_count, h.worker, coalesce(h.cancel ->> 'reason', h.reason) as reason, j.spot as body_spot, j.enqueued_at,
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
  insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, attempt, retry_count, crash_count,
         lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by,
         worker, reason, group_key, unique_hash, unique_label, tags, schedule)
  select job_id, enqueued_at, ready_at, claimed_at, backstay.clock(), attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, revived_count, max_retries, priority, 'cancelled', queue, kind, enqueued_by, worker,
         reason, group_key, unique_hash, unique_label, tags, schedule
    from body),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select job_id, backstay.clock(), args, null, meta, trace from body),
noted as (
  insert into backstay.attempt
  select a.* from held h cross join lateral jsonb_populate_record(null::backstay.attempt, h.detail::jsonb || jsonb_build_object(
         'job_id', h.job_id, 'attempt', h.attempt, 'queue', h.queue, 'kind', h.kind, 'worker', h.worker, 'billed', 'nothing',
         'claimed_at', h.claimed_at, 'ended_at', backstay.clock(),
         'release', (select w.release from backstay.worker w where w.id = $3::uuid))) a)
select job_id from held
