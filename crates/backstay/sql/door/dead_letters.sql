-- The jobs that are dead, newest errors last. Columns are only ever added, at the end.
-- role: viewer
-- needs: inner/redact.sql
create or replace view backstay.dead_letters as
select d.id, d.kind, d.queue, d.died_at, d.reason, d.fingerprint, d.title, d.attempt, d.retry_count, d.max_retries, d.crash_count, d.lost_count,
       d.snooze_count, d.interrupt_count, d.revived_count, d.priority, d.group_key as "group", d.tags, d.enqueued_at, d.worker,
       d.discarded_at, d.discarded_by, g.state as group_state, g.by as group_by, g.note as group_note, g.until as group_until,
       backstay.redact(d.args, k.sensitive) as args, backstay.redact(d.meta, k.sensitive) as meta, d.errors,
       d.unique_label as "unique", d.limit_key, d.enqueued_by, d.trace, g.owner as group_owner
  from backstay.dead_letter d
  left join backstay.dead_group g on g.fingerprint = d.fingerprint
  left join backstay.kind k on k.name = d.kind;
