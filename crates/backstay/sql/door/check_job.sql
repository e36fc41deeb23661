-- Every job where it stands, a row for each place: two rows are a defect, and so is the place `nowhere`, a body that stands
-- in none. Of what has ended, the last hour. `unique_hash` shows only while the key must be held; `is_held`: what a parked
-- job waits for has not come. Columns are only ever added, at the end.
-- role: viewer, operator, worker, auditor
-- plan: a column that nobody asks for costs nothing, neither the join with the body nor the length of its args
-- needs: inner/clock.sql
create or replace view backstay.check_job as
select r.job_id, 'ready' as place, r.kind, r.queue, null::timestamptz as run_at, r.ready_at as since, r.attempt, r.retry_count, j.max_retries,
       r.crash_count, r.lost_count, j.id is not null as has_body, octet_length(j.args::text) as args_bytes, null::int as error_bytes,
       j.unique_hash, r.priority, r.seq, null::timestamptz as claimed_at, false as is_held,
       pg_column_size(j.args) as args_stored_bytes
  from backstay.ready r left join backstay.job j on j.id = r.job_id
union all
select s.job_id, 'scheduled', s.kind, s.queue, s.run_at, null, s.attempt, s.retry_count, j.max_retries,
       s.crash_count, s.lost_count, j.id is not null, octet_length(j.args::text), null,
       j.unique_hash, s.priority, null, null, false, pg_column_size(j.args)
  from backstay.scheduled s left join backstay.job j on j.id = s.job_id
union all
select p.job_id, 'parked', p.kind, p.queue, null, p.since, p.attempt, p.retry_count, j.max_retries,
       p.crash_count, p.lost_count, j.id is not null, octet_length(j.args::text), null,
       j.unique_hash, p.priority, p.seq, null,
       -- What has ended within the last minute may not have been seen yet.
       p.reason = 'paused' and (
         exists (select from backstay.pause x where x.scope = 'kind' and x.name = p.subject
                  and (x.until is null or x.until > backstay.clock() - interval '60 s'))
         or exists (select from backstay.audit a where a.target = 'kind ' || p.subject and a.verb = 'resume'
                     and a.at > statement_timestamp() - interval '60 s'))
       or p.reason = 'unknown_kind' and not exists (
         select from backstay.worker w
          where w.lease_until > statement_timestamp() and w.goodbye_at is null and w.started_at < statement_timestamp() - interval '60 s'
            and p.queue = any(w.queues) and (w.kinds ? p.kind or w.kinds ? '*')),
       pg_column_size(j.args)
  from backstay.parked p left join backstay.job j on j.id = p.job_id
union all
select r.job_id, 'running', r.kind, r.queue, null, r.claimed_at, r.attempt, r.retry_count, j.max_retries,
       r.crash_count, r.lost_count, j.id is not null, octet_length(j.args::text), null,
       j.unique_hash, r.priority, r.seq, r.claimed_at, false, pg_column_size(j.args)
  from backstay.running r left join backstay.job j on j.id = r.job_id
union all
select d.id, 'dead_letter', d.kind, d.queue, null, d.died_at, d.attempt, d.retry_count, d.max_retries,
       d.crash_count, d.lost_count, true, octet_length(d.args::text), octet_length(d.errors::text),
       null, d.priority, null, null, false, pg_column_size(d.args)
  from backstay.dead_letter d
union all
select h.job_id, 'history', h.kind, h.queue, null, h.finished_at, h.attempt, h.retry_count, h.max_retries,
       h.crash_count, h.lost_count, true, null, null,
       null, h.priority, null, h.claimed_at, false, null
  from backstay.history h
 where h.finished_at > backstay.clock() - interval '1 hour'
union all
select j.id, 'nowhere', j.kind, j.queue, null, j.enqueued_at, 0, 0::smallint, j.max_retries,
       0::smallint, 0::smallint, true, octet_length(j.args::text), null,
       j.unique_hash, j.priority, null, null, false, pg_column_size(j.args)
  from backstay.job j
 where not exists (select from backstay.ready r where r.job_id = j.id)
   and not exists (select from backstay.scheduled s where s.job_id = j.id)
   and not exists (select from backstay.parked p where p.job_id = j.id)
   and not exists (select from backstay.running r where r.job_id = j.id);
