-- Lists schedules by name, or one of them, with the newest of their ticks and what is unfinished of them.
-- role: viewer
-- $1 name text (null: all)
select jsonb_build_object(
         'name', s.name, 'line', s.line, 'zone', s.zone, 'kind', s.kind, 'options', s.options, 'missed', s.missed,
         'missed_within_ms', s.missed_within_ms, 'missed_max', s.missed_max, 'overlap', s.overlap, 'origin', s.origin,
         'set_at', s.set_at, 'set_by', s.set_by, 'retired_at', s.retired_at, 'next_at', s.next_at, 'last_at', s.last_at, 'error', s.error,
         'declared', (select count(*) from backstay.declared d join backstay.workers w on w.id = d.worker
                       where d.schedule = s.name and w.state in ('live', 'draining')),
         -- The limit stands within: most ticks have a job that has ended.
         'unfinished', (select count(*) from (select t.job_id from backstay.tick t where t.schedule = s.name and t.job_id is not null
                           order by t.tick_at desc limit 100) u where exists (select from backstay.job j where j.id = u.job_id)),
         'paused', case when p.name is not null then jsonb_build_object('since', p.since, 'until', p.until, 'by', p.by, 'reason', p.reason) end)::text
  from backstay.schedule s
  left join backstay.pause p on p.scope = 'schedule' and p.name = s.name and (p.until is null or p.until > backstay.clock())
 where $1::text is null or s.name = $1::text
 order by s.name limit 1000
