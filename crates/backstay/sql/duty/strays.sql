-- Lists workers that have jobs but no row, or were marked as lost before their last claim was committed, and those that beat
-- but have let jobs run past every limit.
-- moves: none                          role: worker
-- $1 grace_ms bigint
select distinct r.worker, 'no_row' as evidence, backstay.clock() as seen_at from backstay.running r
 where not exists (select from backstay.worker w where w.id = r.worker and w.lost_at is null)
   and r.claimed_at < backstay.clock() - $1::bigint * interval '1 ms'
union all
select distinct r.worker, 'deadline', backstay.clock() from backstay.running r where r.deadline_at < statement_timestamp()
limit 1000
