-- Takes a replay whose next step has come, with how its last jobs have fared.
-- moves: none                          role: worker
-- locks: the replay, skip locked
select p.id, p.total, p.first, p.next, p.per_count, p.per_ms, p.stop_at, s.settled, s.bad, s.open
  from backstay.replay p
 cross join lateral (
   select count(*) filter (where x.state in ('ok', 'bad')) as settled, count(*) filter (where x.state = 'bad') as bad,
          count(*) filter (where x.state = 'open') as open
     from (
       select case when exists (select from backstay.dead_letter d where d.id = r.job_id) then 'bad'
                   when exists (select from backstay.attempt a where a.job_id = r.job_id and a.ended_at > r.revived_at
                                 and a.billed in ('retry', 'crash', 'lost')) then 'bad'
                   when exists (select from backstay.job j where j.id = r.job_id) then 'open' else 'ok' end as state
         from backstay.replay_job r
        where r.replay_id = p.id and r.n > p.judged_from and r.revived_at is not null and r.skipped is null
        order by r.n desc limit 50) x) s
 where p.state = 'running' and p.next_at <= statement_timestamp()
 order by p.id limit 1 for update of p skip locked
