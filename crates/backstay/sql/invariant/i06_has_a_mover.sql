-- Every job that is due, served and not paused is moved on: promoted or admitted within a minute, claimed in its turn.
-- sort: alarm (all slots are taken by long jobs, or the workers are held back)     role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
-- note: a long line is lawful, so a ready job counts after ten minutes, and only if nothing of its queue was claimed in that
--       time, or if one that stands behind it was
with moving as materialized (
  select j.queue, max(j.claimed_at) as claimed_at from backstay.check_job j where j.claimed_at is not null group by j.queue),
overtaker as materialized (
  select j.queue, j.priority, max(j.seq) as seq from backstay.check_job j where j.place = 'running' group by j.queue, j.priority),
open as materialized (
  select q.queue, q.open_since, m.claimed_at from backstay.check_queue q left join moving m on m.queue = q.queue where q.open_since is not null)
select j.job_id::text as subject,
       case j.place when 'ready' then format('stands in line in `%s` since %s', j.queue, j.since)
                    when 'scheduled' then format('is due in `%s` since %s', j.queue, j.run_at)
                    else format('is parked in `%s` though what it waited for is there', j.queue) end as detail
  from backstay.check_job j
  join open q on q.queue = j.queue
  left join overtaker o on o.queue = j.queue and o.priority = j.priority
 where (j.place = 'ready' and greatest(j.since, q.open_since) < backstay.clock() - interval '10 min'
          and (q.claimed_at is null or q.claimed_at < backstay.clock() - interval '10 min' or o.seq > j.seq)
        or j.place = 'scheduled' and greatest(j.run_at, q.open_since) < backstay.clock() - interval '60 s'
        or j.place = 'parked' and not j.is_held and greatest(j.since, q.open_since) < backstay.clock() - interval '60 s')
   and ($1::int is null or j.job_id % 16 = $1::int)
 limit 101
