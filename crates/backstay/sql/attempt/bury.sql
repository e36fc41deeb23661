-- Moves jobs that cannot be saved to dead_letter, whole and with their errors; each death's alert is born here.
-- moves: running -> dead               role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 reasons text[], $5 bills text[], $6 fingerprints text[], $7 titles text[],
-- $8 details text[]
-- locks: running rows by primary key, in id order; found one by one, since tables that swing between nothing and a million
--        rows make any join of them a guess; deleted by key, since a cancel that this waited for has moved the row
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         a(job_id, attempt, reason, bill, fingerprint, title, detail) order by 1),
held as materialized (
  select a.reason, a.bill, a.fingerprint, a.title, a.detail, r.*
    from asked a
   cross join lateral (
     select r.* from backstay.running r
      where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid for update) r),
gone as (delete from backstay.running r where r.job_id = any(array(select job_id from held))),
body as materialized (
  select h.job_id, h.attempt, h.retry_count + (h.bill = 'retry')::int as retry_count,
         h.crash_count + (h.bill = 'crash')::int as crash_count, h.lost_count + (h.bill = 'lost')::int as lost_count,
         h.snooze_count + (h.bill = 'snooze')::int as snooze_count, h.interrupt_count, h.worker, h.reason, h.fingerprint, h.title,
         l as last, p.past, j.spot as body_spot, j.unique_hash, j.job
    from held h
   cross join lateral (select j.ctid as spot, j.unique_hash, j as job from backstay.job j where j.id = h.job_id offset 0) j
   cross join lateral jsonb_populate_record(null::backstay.attempt, h.detail::jsonb || jsonb_build_object(
         'job_id', h.job_id, 'attempt', h.attempt, 'queue', h.queue, 'kind', h.kind, 'worker', h.worker, 'billed', h.bill,
         'fingerprint', h.fingerprint, 'claimed_at', h.claimed_at, 'ended_at', backstay.clock(),
         'release', (select w.release from backstay.worker w where w.id = $3::uuid))) l
   cross join lateral (
     select coalesce(jsonb_agg(to_jsonb(e) - 'job_id' - 'queue' - 'kind' order by e.attempt), '[]') as past
       from (select * from backstay.attempt e where e.job_id = h.job_id order by e.attempt desc limit 19) e) p),
done as (delete from backstay.job j where j.ctid = any(array(select body_spot from body))),
key as (
  delete from backstay.unique_key k where k.ctid = any(array(
    select s.spot from body b cross join lateral (
      select k.ctid as spot from backstay.unique_key k
       where k.hash = b.unique_hash and k.job_id = b.job_id and k.until <> 'period' offset 0) s
     where b.unique_hash is not null))),
noted as (insert into backstay.attempt select (b.last).* from body b),
dead as (
  insert into backstay.dead_letter (id, enqueued_at, args_version, priority, max_retries, crash_limit, lost_limit, weight, revived_count, gated, followed,
         want_result, queue, kind, enqueued_by, args, policy, timeout_ms, memory_bytes, expires_at, deadline_at, unique_hash,
         unique_label, group_key, limit_key, sequence_key, limit_names, batch_id, schedule, cron_tick, tags, meta, trace, died_at, attempt,
         retry_count, crash_count, lost_count, snooze_count, interrupt_count, reason, fingerprint, title, worker, errors)
  select (b.job).*, backstay.clock(), b.attempt, b.retry_count, b.crash_count, b.lost_count, b.snooze_count, b.interrupt_count,
         b.reason, b.fingerprint, b.title, b.worker, b.past || (to_jsonb(b.last) - 'job_id' - 'queue' - 'kind')
    from body b
  returning id, attempt, kind, queue, reason, fingerprint, title),
told as (
  insert into backstay.alert (raised_at, rule, subject, kind, queue, reason, fingerprint, job_id, attempt, detail)
  select statement_timestamp(), 'death', fingerprint, kind, queue, reason, fingerprint, id, attempt,
         jsonb_build_object('title', title) from dead)
select job_id from held
