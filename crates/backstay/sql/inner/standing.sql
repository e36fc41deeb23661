-- Where each unfinished job stands, one row per place. Looked up by job_id it touches only indexes: a job in its first
-- entry is found in line under its own id, a later entry by the index of those.
create or replace view backstay.standing as
select s.job_id, 'scheduled' as place, null::bigint as seq, s.run_at, null::timestamptz as ready_at, null::timestamptz as since, s.memory_mib,
       s.attempt, s.retry_count, s.crash_count, s.lost_count, s.snooze_count, s.interrupt_count, s.priority, s.queue, s.kind,
       s.why as reason, null::text as subject, null::timestamptz as claimed_at, null::uuid as worker, null::jsonb as cancel
  from backstay.scheduled s
union all
select p.job_id, 'parked', p.seq, p.ready_at, p.ready_at, p.since, p.memory_mib,
       p.attempt, p.retry_count, p.crash_count, p.lost_count, p.snooze_count, p.interrupt_count, p.priority, p.queue, p.kind,
       p.reason, p.subject, null, null, null
  from backstay.parked p
union all
select r.job_id, 'running', r.seq, r.ready_at, r.ready_at, r.claimed_at, r.memory_mib,
       r.attempt, r.retry_count, r.crash_count, r.lost_count, r.snooze_count, r.interrupt_count, r.priority, r.queue, r.kind,
       null, null, r.claimed_at, r.worker, r.cancel
  from backstay.running r
union all
select j.id, 'ready', r.seq, r.ready_at, r.ready_at, r.ready_at, r.memory_mib,
       r.attempt, r.retry_count, r.crash_count, r.lost_count, r.snooze_count, r.interrupt_count, r.priority, r.queue, r.kind,
       null, null, null, null, null
  from backstay.job j join backstay.ready r on r.queue = j.queue and r.priority = j.priority and r.seq = j.id and r.job_id = j.id
union all
select r.job_id, 'ready', r.seq, r.ready_at, r.ready_at, r.ready_at, r.memory_mib,
       r.attempt, r.retry_count, r.crash_count, r.lost_count, r.snooze_count, r.interrupt_count, r.priority, r.queue, r.kind,
       null, null, null, null, null
  from backstay.ready r where r.seq <> r.job_id;
