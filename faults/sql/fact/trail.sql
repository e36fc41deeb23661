-- The trail as the checker wants to hear it.
select jsonb_build_object('seq', seq, 'at', at, 'xid', xid, 'writer', writer, 'job', job_id, 'place', place, 'way', move,
                          'attempt', attempt, 'worker', worker_id)::text
  from faults.trail order by seq
