-- Locks the jobs of a lost worker, with what the judge must know about each and what the worker last saw of it.
-- moves: none (the settle files move them, under the dead worker's fence, in the same transaction)     role: worker
-- $1 worker uuid, $2 n int, $3 only_overdue boolean, $4 seen_at timestamptz: what it claimed after that look proves that it lives
-- locks: running rows, skip locked, in id order
select r.job_id, r.attempt, r.retry_count, r.crash_count, r.lost_count, r.snooze_count, r.interrupt_count, r.kind, r.queue,
       r.cancel is not null as cancelled, r.cancel ->> 'reason' as cancel_reason, j.max_retries, j.crash_limit, j.lost_limit,
       j.policy::text,
       (select s.sample::text
          from backstay.worker w cross join lateral jsonb_array_elements(w.samples) s(sample)
         where w.id = r.worker and s.sample ->> 'job' = r.job_id::text and (s.sample ->> 'attempt')::int = r.attempt limit 1) as sample,
       -- The suspect that this worker had begun: it takes one at a time, and gives back those that it claimed after it.
       (select s.job_id from backstay.running s where s.worker = $1::uuid and s.lost_count >= 2
         order by s.claimed_at, s.job_id limit 1) as suspect
  from backstay.running r join backstay.job j on j.id = r.job_id
 where r.worker = $1::uuid and r.claimed_at <= $4::timestamptz and (not $3::boolean or r.deadline_at < statement_timestamp())
 order by r.job_id limit $2::int for update of r skip locked
