-- Tells the workers to look once from the start where live rows lie below marks that are old enough.
-- moves: none                          role: worker
-- $1 queues text[], $2 levels smallint[], $3 lows bigint[]
select case when exists (
         select from unnest($1::text[], $2::smallint[], $3::bigint[]) l(queue, priority, low)
          where exists (select from backstay.ready r where r.queue = l.queue and r.priority = l.priority and r.seq < l.low))
       then nextval('backstay.lowered_seq') end as told
