-- Ends waiting jobs whose time to start is over: cancelled, with that reason.
-- moves: scheduled -> cancelled, parked -> cancelled, ready -> cancelled     role: worker
-- $1 n int
-- locks: place rows of expired jobs, skip locked
with over as materialized (
  select j.id, j.queue, j.priority from backstay.job j
   where j.expires_at < backstay.clock() order by j.expires_at limit $1::int),
late as (
  delete from backstay.scheduled s using (
    select s.run_at, s.job_id from backstay.scheduled s join over o on o.id = s.job_id for update of s skip locked) x
   where s.run_at = x.run_at and s.job_id = x.job_id
  returning s.job_id, s.run_at as ready_at, s.attempt, s.retry_count, s.crash_count, s.lost_count, s.snooze_count, s.interrupt_count),
held as (
  delete from backstay.parked p using (
    select p.job_id from backstay.parked p join over o on o.id = p.job_id for update of p skip locked) x
   where p.job_id = x.job_id
  returning p.job_id, p.ready_at, p.attempt, p.retry_count, p.crash_count, p.lost_count, p.snooze_count, p.interrupt_count),
line as (
  delete from backstay.ready r using (
    select r.queue, r.priority, r.seq from over o join backstay.ready r
        on (r.queue = o.queue and r.priority = o.priority and r.seq = o.id) or (r.job_id = o.id and r.seq <> r.job_id)
       for update of r skip locked) x
   where r.queue = x.queue and r.priority = x.priority and r.seq = x.seq
  returning r.job_id, r.ready_at, r.attempt, r.retry_count, r.crash_count, r.lost_count, r.snooze_count, r.interrupt_count),
gone as (select * from late union all select * from held union all select * from line),
body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.*),
key as (
  delete from backstay.unique_key k using body b
   where b.unique_hash is not null and k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
line_of as (
  insert into backstay.history (job_id, enqueued_at, ready_at, finished_at, attempt, retry_count, crash_count, lost_count,
         snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by, reason,
         group_key, unique_hash, unique_label, tags, schedule)
  select b.id, b.enqueued_at, g.ready_at, backstay.clock(), g.attempt, g.retry_count, g.crash_count, g.lost_count,
         g.snooze_count, g.interrupt_count, b.revived_count, b.max_retries, b.priority, 'cancelled', b.queue, b.kind,
         b.enqueued_by, 'expired', b.group_key, b.unique_hash, b.unique_label, b.tags, b.schedule
    from gone g join body b on b.id = g.job_id),
kept as (
  insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
  select b.id, backstay.clock(), b.args, null, b.meta, b.trace from body b)
select job_id from gone
