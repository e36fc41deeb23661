-- I19: what has ended does not live again, but for a dead letter that somebody revives.
select e.job_id, e.place as ended, c.place as came_to, c.writer
  from faults.trail e join faults.trail c on c.job_id = e.job_id and c.seq > e.seq
 where e.move = 'enter' and e.place in ('history', 'dead_letter')
   and c.move = 'enter' and c.place in ('ready', 'scheduled', 'parked', 'running')
   and not exists (select from faults.trail l join backstay.check_audit a on a.xid = l.xid and a.verb = 'revive'
                    where l.job_id = e.job_id and l.place = 'dead_letter' and l.move = 'leave' and l.seq > e.seq
                      -- It goes in the transaction in which the job comes, whichever of the two is noted first.
                      and (l.seq < c.seq or l.xid = c.xid))
 order by c.seq
