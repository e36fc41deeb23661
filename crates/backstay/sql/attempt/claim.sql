-- Takes the first jobs of a queue's line: strictly by level, but for the turns that age may take.
-- moves: ready -> running              role: worker
-- $1 queue text, $2 levels smallint[], $3 lows bigint[], $4 n int, $5 worker uuid, $6 kinds text[], $7 budget_mib int,
-- $8 aged int, $9 ageing_ms bigint, $10 timeout_ms bigint, $11 slack_ms bigint
-- locks: ready heads, skip locked
-- plan: one index range per level, two Tid Scans; lower levels are not read once n rows are locked
with open as materialized (
  select from (select 1) one
   where current_setting('backstay.open', true) = 'true'
     and not exists (select from backstay.pause p
                      where p.scope = 'queue' and p.name = $1 and (p.until is null or p.until > backstay.clock()))),
-- Candidates for the turns of age first, then their locks, so that no other head gets locked.
aged as materialized (
  select r.spot
    from open, unnest($2::smallint[], $3::bigint[]) l(priority, low)
   cross join lateral (
     select r.ctid as spot, r.ready_at
       from backstay.ready r
      where r.queue = $1 and r.priority = l.priority and r.seq >= l.low
        and ($6::text[] is null or r.kind = any($6)) and r.memory_mib <= $7::int
      order by r.seq limit $8::int) r
   where r.ready_at < backstay.clock() - $9::bigint * interval '1 ms'
   order by r.ready_at limit $8::int),
old as materialized (
  select r.ctid as spot from backstay.ready r
   where r.ctid = any(array(select spot from aged)) for update skip locked),
head as materialized (
  select x.spot
    from open, unnest($2::smallint[], $3::bigint[]) with ordinality l(priority, low, turn)
   cross join lateral (
     select r.ctid as spot
       from backstay.ready r
      where r.queue = $1 and r.priority = l.priority and r.seq >= l.low
        and ($6::text[] is null or r.kind = any($6)) and r.memory_mib <= $7::int
        and r.ctid <> all(array(select spot from old))
      order by r.seq limit $4::int for update skip locked) x
   limit $4::int - (select count(*) from old)),
-- By place in the file, which this statement has locked; by key it was a quarter slower.
gone as (
  delete from backstay.ready r
   where r.ctid = any(array(select spot from old union all select spot from head))
  returning r.*),
-- Only what is told or stored: each further column of a job costs every job twice.
body as materialized (
  select g.job_id as id, g.seq, g.ready_at, g.memory_mib, g.attempt + 1 as attempt, g.retry_count, g.crash_count, g.lost_count,
         g.snooze_count, g.interrupt_count, g.priority, g.queue, g.kind, g.group_key as fair_group, j.enqueued_at, j.max_retries,
         j.crash_limit, j.lost_limit, j.args, j.policy, j.timeout_ms, j.memory_bytes, j.expires_at, j.group_key, j.tags, j.meta, j.trace,
         j.schedule, j.cron_tick
    from gone g join backstay.job j on j.id = g.job_id),
took as (
  insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, memory_mib, attempt, retry_count,
         crash_count, lost_count, snooze_count, interrupt_count, priority, queue, kind, group_key)
  select id, seq, ready_at, backstay.clock(),
         statement_timestamp() + (coalesce(timeout_ms, $10::bigint) + $11::bigint) * interval '1 ms', $5::uuid, memory_mib, attempt,
         retry_count, crash_count, lost_count, snooze_count, interrupt_count, priority, queue, kind, fair_group
    from body)
select s.last_value as lowered, b.id, b.seq, b.attempt, b.retry_count, b.crash_count, b.lost_count, b.snooze_count,
       b.interrupt_count, b.max_retries, b.crash_limit, b.lost_limit, b.priority, b.kind, b.args::text, b.policy::text,
       b.timeout_ms, b.memory_bytes, b.group_key, b.tags, b.meta::text, b.trace, b.enqueued_at, b.ready_at, b.schedule, b.cron_tick,
       b.expires_at < backstay.clock() as expired, c.value::text as checkpoint,
       backstay.clock() as now
  from backstay.lowered_seq s
  left join body b on true
  left join backstay.checkpoint c on c.job_id = case when b.attempt > 1 then b.id end
