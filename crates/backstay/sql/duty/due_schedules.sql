-- Locks schedules whose time has come, or whose waiting tick may start: not those that are paused, nor those that no live
-- worker declares. A worker that has just started is not known to live yet, so what it declared a minute ago counts.
-- moves: none                          role: worker
-- $1 n int
-- locks: the schedules, skip locked, in (look_at, name) order
select s.name, s.line, s.zone, s.missed, s.missed_within_ms, s.missed_max, greatest(s.counted_to, p.until) as counted_to, backstay.clock() as now
  from backstay.schedule s
  left join backstay.pause p on p.scope = 'schedule' and p.name = s.name
 where s.retired_at is null
   and (p.name is null or p.until <= backstay.clock())
   and (s.look_at <= backstay.clock()
        or exists (select from backstay.tick t where t.schedule = s.name and t.outcome = 'waiting')
           and not exists (select from backstay.job j where j.schedule = s.name))
   and (s.origin = 'database' or exists (
         select from backstay.declared d left join backstay.worker w on w.id = d.worker
          where d.schedule = s.name
            and (w.lease_until > statement_timestamp() and w.goodbye_at is null or w.id is null and d.at > statement_timestamp() - interval '1 min')))
 order by s.look_at, s.name limit $1::int for update of s skip locked
