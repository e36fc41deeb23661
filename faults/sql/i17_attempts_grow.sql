-- I17: the attempts of a job grow by exactly one with each claim, for ever.
select job_id, attempt, before
  from (select job_id, seq, attempt, lag(attempt, 1, 0) over (partition by job_id order by seq) as before
          from faults.trail where place = 'running' and move = 'enter') t
 where attempt <> before + 1
 order by seq
