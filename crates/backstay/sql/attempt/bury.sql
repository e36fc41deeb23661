-- Moves jobs that cannot be saved to dead_letter, whole and with their errors; each death's alert is born here.
-- moves: running -> dead               role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 reasons text[], $5 bills text[], $6 fingerprints text[], $7 titles text[],
-- $8 details text[]
-- locks: running rows by primary key, in id order
with asked as materialized (
  select * from unnest($1::bigint[], $2::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         a(job_id, attempt, reason, bill, fingerprint, title, detail) order by 1),
gone as (
  delete from backstay.running r using asked a
   where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid
  returning r.*, a.reason, a.bill, a.fingerprint, a.title, a.detail),
body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.*),
key as (
  delete from backstay.unique_key k using body b
   where b.unique_hash is not null and k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
last as materialized (
  select a.* from gone g cross join lateral jsonb_populate_record(null::backstay.attempt, g.detail::jsonb || jsonb_build_object(
         'job_id', g.job_id, 'attempt', g.attempt, 'queue', g.queue, 'kind', g.kind, 'worker', g.worker, 'billed', g.bill,
         'fingerprint', g.fingerprint, 'claimed_at', g.claimed_at, 'ended_at', backstay.clock())) a),
noted as (insert into backstay.attempt select * from last),
past as (
  select g.job_id, coalesce(jsonb_agg(to_jsonb(e) - 'job_id' - 'queue' - 'kind' order by e.attempt)
                            filter (where e.job_id is not null), '[]') as errors
    from gone g left join lateral (
      select * from backstay.attempt e where e.job_id = g.job_id order by e.attempt desc limit 19) e on true
   group by g.job_id),
dead as (
  insert into backstay.dead_letter (id, enqueued_at, args_version, priority, max_retries, crash_limit, lost_limit, weight,
         revived_count, gated, followed, want_result, queue, kind, enqueued_by, args, policy, timeout_ms, memory_bytes,
         expires_at, deadline_at, unique_hash, unique_label, group_key, limit_key, sequence_key, limit_names, batch_id,
         schedule, cron_tick, tags, meta, trace, died_at, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, reason, fingerprint, title, worker, errors)
  select b.id, b.enqueued_at, b.args_version, b.priority, b.max_retries, b.crash_limit, b.lost_limit, b.weight,
         b.revived_count, b.gated, b.followed, b.want_result, b.queue, b.kind, b.enqueued_by, b.args, b.policy, b.timeout_ms,
         b.memory_bytes, b.expires_at, b.deadline_at, b.unique_hash, b.unique_label, b.group_key, b.limit_key,
         b.sequence_key, b.limit_names, b.batch_id, b.schedule, b.cron_tick, b.tags, b.meta, b.trace, backstay.clock(),
         g.attempt, g.retry_count + (g.bill = 'retry')::int, g.crash_count + (g.bill = 'crash')::int,
         g.lost_count + (g.bill = 'lost')::int, g.snooze_count + (g.bill = 'snooze')::int, g.interrupt_count, g.reason,
         g.fingerprint, g.title, g.worker, p.errors || (to_jsonb(l) - 'job_id' - 'queue' - 'kind')
    from gone g
    join body b on b.id = g.job_id
    join last l on l.job_id = g.job_id
    left join past p on p.job_id = g.job_id
  returning id, attempt, kind, queue, reason, fingerprint, title),
told as (
  insert into backstay.alert (raised_at, rule, subject, kind, queue, reason, fingerprint, job_id, attempt, detail)
  select statement_timestamp(), 'death', fingerprint, kind, queue, reason, fingerprint, id, attempt,
         jsonb_build_object('title', title) from dead)
select job_id from gone
