-- Every job that completed or was cancelled, for as long as its history is kept. Columns are only ever added, at the end.
-- role: viewer
-- needs: inner/redact.sql
create or replace view backstay.ended as
select h.job_id as id, h.kind, h.queue, h.state, h.priority, h.group_key as "group", h.finished_at, h.enqueued_at, h.claimed_at as started_at,
       h.attempt, h.retry_count, h.max_retries, h.crash_count, h.lost_count, h.snooze_count, h.interrupt_count, h.revived_count, h.reason,
       h.worker, h.tags, h.unique_label as "unique", h.wall_ms, h.cpu_ms, h.peak_kib, h.release, h.enqueued_by,
       (select backstay.redact(b.args, k.sensitive) from backstay.history_body b where b.job_id = h.job_id and b.finished_at = h.finished_at) as args,
       (select backstay.redact(b.meta, k.sensitive) from backstay.history_body b where b.job_id = h.job_id and b.finished_at = h.finished_at) as meta,
       (select b.output from backstay.history_body b where b.job_id = h.job_id and b.finished_at = h.finished_at) as output
  from backstay.history h
  left join backstay.kind k on k.name = h.kind;
