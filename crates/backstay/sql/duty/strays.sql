-- Lists workers that have jobs but no row, and jobs whose worker beats but has let them run past every limit.
-- moves: none                          role: worker
-- $1 grace_ms bigint
select distinct r.worker, 'no_row' as evidence from backstay.running r
 where not exists (select from backstay.worker w where w.id = r.worker)
   and r.claimed_at < backstay.clock() - $1::bigint * interval '1 ms'
union all
select distinct r.worker, 'deadline' from backstay.running r where r.deadline_at < statement_timestamp()
limit 1000
