-- Says which queues have something to claim; one look for all queues of a worker.
-- moves: none                          role: worker
-- $1 queues text[], $2 levels smallint[], $3 lows bigint[], $4 kinds text[]
-- plan: one index probe per (queue, level)
select s.last_value as lowered, w.queue
  from backstay.lowered_seq s
  left join (
    select distinct l.queue
      from unnest($1::text[], $2::smallint[], $3::bigint[]) l(queue, priority, low)
     where exists (select from backstay.ready r
                    where r.queue = l.queue and r.priority = l.priority and r.seq >= l.low
                      and ($4::text[] is null or r.kind = any($4)))) w on true
