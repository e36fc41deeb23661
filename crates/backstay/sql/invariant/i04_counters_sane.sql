-- No counter is below zero, no job was retried more often than it may be, and every failure was an attempt of its own.
-- sort: defect                         role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
select j.job_id::text as subject,
       format('attempt %s, retry_count %s of %s, crash_count %s, lost_count %s', j.attempt, j.retry_count, j.max_retries, j.crash_count,
              j.lost_count) as detail
  from backstay.check_job j
 where (least(j.attempt, j.retry_count, j.crash_count, j.lost_count) < 0 or j.retry_count > j.max_retries
        or j.retry_count + j.crash_count + j.lost_count > j.attempt)
   and ($1::int is null or j.job_id % 16 = $1::int)
 limit 101
