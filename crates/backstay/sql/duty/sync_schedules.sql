-- Writes the schedules that a worker's settings declare, where they differ; the newest start wins. A new line or zone counts
-- from now on, and so does a schedule that was retired; else what was decided stays decided. One that the database has of its
-- own is not touched, and comes back as such.
-- moves: none                          role: worker
-- $1 schedules text (a JSON object: name -> settings), $2 worker uuid
with said as materialized (
  select key as name, value as v, md5(value::text) as hash from jsonb_each($1::text::jsonb) order by key),
theirs as materialized (
  select s.name from backstay.schedule s join said n on n.name = s.name where s.origin = 'database'),
old as materialized (
  select s.name, s.line, s.zone, s.hash, s.retired_at from backstay.schedule s join said n on n.name = s.name),
written as (
  insert into backstay.schedule as s (name, set_at, counted_to, look_at, missed_within_ms, missed_max, line, zone, kind, args, options,
         missed, overlap, origin, hash, set_by)
  select n.name, statement_timestamp(), backstay.clock(), backstay.clock(), (v ->> 'missed_within_ms')::bigint, (v ->> 'missed_max')::int, v ->> 'line', v ->> 'zone',
         v ->> 'kind', v -> 'args', v -> 'options', v ->> 'missed', v ->> 'overlap', 'file', n.hash, session_user
    from said n where not exists (select from theirs)
   order by n.name
  on conflict (name) do update set set_at = excluded.set_at, missed_within_ms = excluded.missed_within_ms, missed_max = excluded.missed_max,
         line = excluded.line, zone = excluded.zone, kind = excluded.kind, args = excluded.args, options = excluded.options,
         missed = excluded.missed, overlap = excluded.overlap, hash = excluded.hash, set_by = excluded.set_by,
         unseen_since = null, retired_at = null, error = null, look_at = excluded.look_at, next_at = null,
         counted_to = case when s.retired_at is null and (s.line, s.zone) = (excluded.line, excluded.zone) then s.counted_to else excluded.counted_to end
   where s.hash <> excluded.hash or s.retired_at is not null
  returning s.name, s.line, s.zone, s.kind),
declared as (
  insert into backstay.declared as d (schedule, worker, at)
  select n.name, $2::uuid, statement_timestamp() from said n where not exists (select from theirs) order by n.name
  on conflict (schedule, worker) do update set at = excluded.at returning 1),
noted as (
  insert into backstay.audit (verb, target, reason, affected, before, after)
  select 'schedule', 'schedule ' || w.name, 'declared by the settings of a worker', 1,
         (select jsonb_build_object('line', o.line, 'zone', o.zone, 'retired_at', o.retired_at) from old o where o.name = w.name),
         jsonb_build_object('line', w.line, 'zone', w.zone, 'kind', w.kind)
    from written w returning 1)
select (select count(*) from written) as changed, array(select t.name from theirs t order by 1) as theirs
