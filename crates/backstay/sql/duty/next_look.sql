-- When a schedule is to be looked at next, null where none is; and whether one is due already, or may be, as what waits is.
-- moves: none                          role: worker
select (extract(epoch from min(s.look_at) filter (where s.look_at > backstay.clock()) - backstay.clock()) * 1000)::bigint as next_in_ms,
       coalesce(bool_or(s.look_at <= backstay.clock() or exists (select from backstay.tick t where t.schedule = s.name and t.outcome = 'waiting')), false) as due
  from backstay.schedule s where s.retired_at is null
