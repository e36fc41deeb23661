-- I20: a dead letter and its alert are born in one transaction.
select d.job_id, d.attempt
  from faults.trail d
 where d.place = 'dead_letter' and d.move = 'enter'
   and not exists (select from faults.trail a where a.xid = d.xid and a.place = 'alert' and a.move = 'enter' and a.job_id = d.job_id)
 order by d.seq
