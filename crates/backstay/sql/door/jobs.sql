-- Every unfinished job with its state, for people and reports. Columns are only ever added, at the end.
-- role: viewer
-- needs: inner/standing.sql inner/redact.sql
create or replace view backstay.jobs as
select j.id, j.kind, j.queue, s.place as state, s.priority, j.group_key as "group", s.run_at, s.ready_at, s.attempt, s.retry_count, j.max_retries,
       s.crash_count, s.lost_count, case when s.reason <> 'scheduled' then s.reason end as reason, s.worker, s.claimed_at as started_at,
       j.enqueued_at, backstay.redact(j.args, k.sensitive) as args,
       s.snooze_count, s.interrupt_count, j.revived_count, j.expires_at, j.tags, backstay.redact(j.meta, k.sensitive) as meta,
       j.unique_label as "unique", j.limit_key, s.since, s.subject, s.cancel is not null as cancelling, j.enqueued_by,
       p.percent, p.note, j.trace, j.timeout_ms, j.memory_bytes
  from backstay.standing s
  join backstay.job j on j.id = s.job_id
  left join backstay.kind k on k.name = j.kind
  left join backstay.progress p on p.job_id = j.id;
