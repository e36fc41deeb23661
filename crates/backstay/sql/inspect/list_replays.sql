-- Lists replays, newest first, with how the last 1,000 jobs that each revived have fared.
-- role: viewer
-- $1 id bigint (only this one), $2 before bigint, $3 n int
select jsonb_build_object('id', p.id::text, 'state', p.state, 'total', p.total, 'handled', p.next, 'first', p.first, 'per_count', p.per_count,
                          'per_ms', p.per_ms, 'stop_at', p.stop_at, 'by', p.by, 'reason', p.reason, 'filter', p.filter,
                          'started_at', p.started_at, 'done_at', p.done_at, 'next_at', case when p.state = 'running' then p.next_at end,
                          'completed', s.completed, 'dead', s.dead, 'open', s.open, 'skipped', s.skipped)::text
  from backstay.replay p
 cross join lateral (
   select count(*) filter (where x.fate = 'completed') as completed, count(*) filter (where x.fate = 'dead') as dead,
          count(*) filter (where x.fate = 'open') as open, count(*) filter (where x.fate = 'skipped') as skipped
     from (
       select case when r.skipped is not null then 'skipped'
                   when exists (select from backstay.jobs j where j.id = r.job_id) then 'open'
                   when exists (select from backstay.dead_letters d where d.id = r.job_id) then 'dead' else 'completed' end as fate
         from backstay.replay_job r
        where r.replay_id = p.id and r.revived_at is not null order by r.n desc limit 1000) x) s
 where ($1::bigint is null or p.id = $1) and ($2::bigint is null or p.id < $2)
 order by p.id desc limit $3::int
