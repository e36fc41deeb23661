-- Ends a job that was lifted from its place before it could run: cancelled, with its reason, its key given up.
-- needs: inner/standing.sql inner/clock.sql
create or replace function backstay.leave(spot backstay.standing, reason text) returns void
language sql as $$
  with body as (delete from backstay.job j where j.id = spot.job_id returning j.*),
  key as (
    delete from backstay.unique_key k using body b where k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
  kept as (
    insert into backstay.history_body (job_id, finished_at, args, meta, trace)
    select b.id, backstay.clock(), b.args, b.meta, b.trace from body b)
  insert into backstay.history (job_id, enqueued_at, ready_at, finished_at, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by, reason, group_key, unique_hash, unique_label,
         tags, schedule)
  select b.id, b.enqueued_at, spot.ready_at, backstay.clock(), spot.attempt, spot.retry_count, spot.crash_count, spot.lost_count,
         spot.snooze_count, spot.interrupt_count, b.revived_count, b.max_retries, b.priority, 'cancelled', b.queue, b.kind, b.enqueued_by,
         leave.reason, b.group_key, b.unique_hash, b.unique_label, b.tags, b.schedule
    from body b
$$;
revoke all on function backstay.leave(backstay.standing, text) from public;
