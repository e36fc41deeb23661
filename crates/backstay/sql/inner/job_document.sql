-- The document of one job. A live one comes before a dead one, a dead one before the newest line of history. `login`:
-- only a job that this login enqueued; null for any.
-- needs: inner/standing.sql inner/instant.sql
create or replace function backstay.job_document(job bigint, login text) returns jsonb
language sql stable as $$
  with found_job as (
    select s.place as state, j.kind, j.queue, s.priority, j.group_key, j.tags, j.meta, s.attempt, s.retry_count, j.max_retries, s.crash_count,
           s.lost_count, s.snooze_count, s.interrupt_count, j.revived_count, j.enqueued_at, s.run_at, s.claimed_at as started_at,
           null::timestamptz as finished_at, j.expires_at, null::jsonb as output, j.unique_label, j.batch_id, j.cron_tick, s.worker,
           null::jsonb as error, s.reason, j.trace, j.limit_names, j.memory_bytes
      from backstay.standing s join backstay.job j on j.id = s.job_id
     where s.job_id = job and j.id = job and (login is null or j.enqueued_by = login)
    union all
    select 'dead', d.kind, d.queue, d.priority, d.group_key, d.tags, d.meta, d.attempt, d.retry_count, d.max_retries, d.crash_count,
           d.lost_count, d.snooze_count, d.interrupt_count, d.revived_count, d.enqueued_at, null, (d.errors -> -1 ->> 'claimed_at')::timestamptz,
           d.died_at, d.expires_at, null, d.unique_label, d.batch_id, d.cron_tick, d.worker,
           d.errors -> -1 || jsonb_build_object('fingerprint', d.fingerprint), d.reason, d.trace, d.limit_names, d.memory_bytes
      from backstay.dead_letter d where d.id = job and (login is null or d.enqueued_by = login)
    union all
    (select h.state, h.kind, h.queue, h.priority, h.group_key, h.tags, b.meta, h.attempt, h.retry_count, h.max_retries, h.crash_count,
            h.lost_count, h.snooze_count, h.interrupt_count, h.revived_count, h.enqueued_at, h.ready_at, h.claimed_at,
            h.finished_at, null, b.output, h.unique_label, null, null, h.worker, null, h.reason, b.trace, null, null
       from backstay.history h
       left join backstay.history_body b on b.job_id = h.job_id and b.finished_at = h.finished_at
      where h.job_id = job and (login is null or h.enqueued_by = login) order by h.finished_at desc limit 1)
    limit 1)
  select jsonb_build_object(
           'id', job::text, 'kind', f.kind, 'queue', f.queue, 'state', f.state, 'priority', f.priority, 'group', f.group_key,
           'limits', to_jsonb(coalesce(f.limit_names, '{}')), 'tags', to_jsonb(coalesce(f.tags, '{}')), 'meta', coalesce(f.meta, '{}'),
           'attempt', f.attempt, 'retry_count', f.retry_count, 'max_retries', f.max_retries, 'crash_count', f.crash_count,
           'lost_count', f.lost_count, 'snooze_count', f.snooze_count, 'interrupt_count', f.interrupt_count, 'revived_count', f.revived_count)
      || jsonb_build_object(
           'enqueued_at', backstay.instant(f.enqueued_at), 'run_at', backstay.instant(f.run_at), 'started_at', backstay.instant(f.started_at),
           'finished_at', backstay.instant(f.finished_at), 'expires_at', backstay.instant(f.expires_at), 'output', f.output,
           'progress', (select jsonb_build_object('percent', p.percent, 'note', p.note) from backstay.progress p where p.job_id = job),
           'unique', f.unique_label, 'batch', f.batch_id::text, 'cron_tick', backstay.instant(f.cron_tick), 'worker', f.worker,
           'error', (select jsonb_build_object('attempt', e.error -> 'attempt', 'outcome', e.error -> 'outcome', 'message', e.error -> 'message',
                                               'fingerprint', e.error -> 'fingerprint')
                       from (select f.error where f.error is not null
                             union all
                             (select to_jsonb(a) from backstay.attempt a where a.job_id = job order by a.attempt desc limit 1)
                             limit 1) e(error)),
           'reason', case when f.reason <> 'scheduled' then f.reason end, 'trace', f.trace,
           'memory_bytes', f.memory_bytes)
    from found_job f
$$;
revoke all on function backstay.job_document(bigint, text) from public;
