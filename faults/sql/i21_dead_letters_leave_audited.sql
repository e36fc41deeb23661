-- I21: a dead letter leaves by revive or when it was discarded, and in the same transaction it is written down who did it.
-- Nobody sets a retention for dead letters in a run, so that nothing may be pruned.
select l.job_id, l.writer
  from faults.trail l
 where l.place = 'dead_letter' and l.move = 'leave'
   and not exists (select from backstay.check_audit a where a.xid = l.xid and a.verb in ('revive', 'discard'))
 order by l.seq
