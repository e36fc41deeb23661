-- I18: of our own sessions only the worker in the fence ends an attempt, or a duty of another worker: nothing but a rescue does
-- that there. What a handler completes in its own transaction goes by a name of its own, and is for the checker.
select job_id, attempt, worker_id, writer
  from faults.trail
 where place = 'running' and move = 'leave' and writer like 'backstay %'
   and writer not like 'backstay work ' || left(worker_id::text, 8) || ' %'
   and not (writer like 'backstay work ________ duty' and writer not like 'backstay work - %')
 order by seq
