-- Settles what is due of one schedule, whose row the caller has locked: starts the tick that waited if nothing of the
-- schedule is unfinished any more, then decides about `ticks` one by one, notes what was dropped, and moves on.
-- Answers a row for each tick that was decided here; none comes twice.
-- role: worker
-- needs: inner/fire.sql inner/note_tick.sql inner/stop_job.sql inner/clock.sql
create or replace function backstay.tick(
  name text, ticks timestamptz[], counted_to timestamptz, next_at timestamptz, look_at timestamptz, dropped jsonb, error text)
returns setof backstay.tick
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  s      backstay.schedule;
  t      backstay.tick;
  at     timestamptz;
  waits  timestamptz;
  busy   boolean;
  worst  bigint := 0;
  newest timestamptz := (dropped ->> 'last')::timestamptz;
begin
  select * into s from backstay.schedule x where x.name = tick.name and x.retired_at is null for update;
  if not found then
    return;
  end if;
  select w.tick_at into waits from backstay.tick w where w.schedule = s.name and w.outcome = 'waiting' order by w.tick_at limit 1;
  busy := exists (select from backstay.job j where j.schedule = s.name);
  if waits is not null and not busy then
    t := backstay.fire(s, waits, 'tick');
    waits := null;
    if t.schedule is not null then
      busy := t.job_id is not null;
      return next t;
    end if;
  end if;
  if newest is not null and backstay.note_tick(s.name, newest, 'missed',
       format('%s%s dropped, the first at %s', case when (dropped ->> 'more')::boolean then 'more than ' else '' end, dropped ->> 'count', dropped ->> 'first')) then
    select * into t from backstay.tick k where k.schedule = s.name and k.tick_at = newest;
    return next t;
  end if;
  foreach at in array coalesce(tick.ticks, '{}') loop
    t := null;
    if s.overlap = 'allow' or (not busy and waits is null) then
      t := backstay.fire(s, at, 'tick');
      busy := busy or t.job_id is not null;
    elsif s.overlap = 'skip' or (s.overlap = 'queue' and waits is not null) then
      if backstay.note_tick(s.name, at, 'skipped', case when waits is null then 'the job of an earlier tick has not ended' else 'an earlier tick waits already' end) then
        select * into t from backstay.tick k where k.schedule = s.name and k.tick_at = at;
      end if;
    elsif backstay.note_tick(s.name, at, 'waiting', 'the job of an earlier tick has not ended') then
      if s.overlap = 'replace' then
        update backstay.tick w set outcome = 'skipped', note = 'a later tick took its place' where w.schedule = s.name and w.outcome = 'waiting' and w.tick_at <> at;
        perform backstay.stop_job(j.id, 'a later tick of the schedule takes its place', null) from backstay.job j where j.schedule = s.name order by j.id limit 100;
      end if;
      waits := at;
      select * into t from backstay.tick k where k.schedule = s.name and k.tick_at = at;
    end if;
    if t.schedule is not null then
      newest := greatest(newest, at);
      worst := greatest(worst, (extract(epoch from backstay.clock() - at) * 1000)::bigint);
      return next t;
    end if;
  end loop;
  update backstay.schedule x
     set counted_to = greatest(x.counted_to, tick.counted_to), next_at = tick.next_at, look_at = tick.look_at, last_at = greatest(x.last_at, newest),
         error = tick.error
   where x.name = s.name;
  if dropped is not null or worst > 300000 then
    insert into backstay.alert (raised_at, rule, subject, kind, queue, detail)
    values (statement_timestamp(), 'cron_missed', s.name, s.kind, s.options ->> 'queue',
            jsonb_build_object('dropped', coalesce((dropped ->> 'count')::int, 0), 'waited_ms', worst));
  end if;
end
$$;
revoke all on function backstay.tick(text, timestamptz[], timestamptz, timestamptz, timestamptz, jsonb, text) from public;
