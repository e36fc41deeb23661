-- Makes a dead letter, with its errors and its alert, of a job that was lifted from its place by an operator.
-- needs: inner/standing.sql inner/clock.sql
create or replace function backstay.inter(spot backstay.standing, told text) returns void
language sql as $$
  with body as (delete from backstay.job j where j.id = spot.job_id returning j.*),
  key as (
    delete from backstay.unique_key k using body b where k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
  dead as (
    insert into backstay.dead_letter (id, enqueued_at, args_version, priority, max_retries, crash_limit, lost_limit, weight, revived_count, gated,
           followed, want_result, queue, kind, enqueued_by, args, policy, timeout_ms, memory_bytes, expires_at, deadline_at, unique_hash,
           unique_label, group_key, limit_key, sequence_key, limit_names, batch_id, schedule, cron_tick, tags, meta, trace, died_at, attempt,
           retry_count, crash_count, lost_count, snooze_count, interrupt_count, reason, fingerprint, title, errors)
    select b.id, b.enqueued_at, b.args_version, b.priority, b.max_retries, b.crash_limit, b.lost_limit, b.weight, b.revived_count, b.gated,
           b.followed, b.want_result, b.queue, b.kind, b.enqueued_by, b.args, b.policy, b.timeout_ms, b.memory_bytes, b.expires_at, b.deadline_at,
           b.unique_hash, b.unique_label, b.group_key, b.limit_key, b.sequence_key, b.limit_names, b.batch_id, b.schedule, b.cron_tick, b.tags,
           b.meta, b.trace, backstay.clock(), spot.attempt, spot.retry_count, spot.crash_count, spot.lost_count, spot.snooze_count,
           spot.interrupt_count, 'buried', left(encode(sha256(convert_to(b.kind || ' buried', 'UTF8')), 'hex'), 8), 'buried: ' || told,
           coalesce((select jsonb_agg(to_jsonb(e) - 'job_id' - 'queue' - 'kind' order by e.attempt)
                       from (select * from backstay.attempt a where a.job_id = b.id order by a.attempt desc limit 20) e), '[]')
      from body b
    returning id, attempt, kind, queue, reason, fingerprint, title)
  insert into backstay.alert (raised_at, rule, subject, kind, queue, reason, fingerprint, job_id, attempt, detail)
  select statement_timestamp(), 'death', d.fingerprint, d.kind, d.queue, d.reason, d.fingerprint, d.id, d.attempt, jsonb_build_object('title', d.title)
    from dead d
$$;
revoke all on function backstay.inter(backstay.standing, text) from public;
