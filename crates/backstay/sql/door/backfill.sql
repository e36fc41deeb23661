-- Makes the jobs of ticks that have passed, the oldest first and all at once, each at most once ever: one that has its job
-- already is skipped. Which instants are ticks of the line the caller says, who reads it.
-- role: operator
-- options: reason (required), expect (the count that was previewed)
-- needs: inner/known_schedule.sql inner/read_reason.sql inner/read_whole.sql inner/fire.sql inner/record.sql inner/tally.sql inner/skip.sql inner/refuse.sql inner/instant.sql inner/clock.sql
create or replace function backstay.backfill(schedule text, ticks timestamptz[], options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason  text := backstay.read_reason(options, array['expect'], true);
  s       backstay.schedule := backstay.known_schedule(backfill.schedule);
  t       backstay.tick;
  at      timestamptz;
  made    bigint := 0;
  skipped jsonb := '[]';
begin
  if cardinality(ticks) > 1000 then
    perform backstay.refuse('BS109', format('%s ticks in one call, at most 1000 are allowed', cardinality(ticks)), null, 'give a shorter span');
  elsif exists (select from unnest(ticks) u(at) where u.at is null or u.at > backstay.clock()) then
    perform backstay.refuse('BS102', 'a tick that has not come yet cannot be filled in', null, 'end the span before now');
  elsif exists (select from unnest(ticks) u(at) where u.at < backstay.clock() - interval '85 days') then
    perform backstay.refuse('BS102', 'ticks older than 85 days cannot be filled in', null, 'what happened then is not known any more: enqueue those jobs by hand');
  elsif coalesce(options -> 'expect', 'null') <> 'null' and backstay.read_whole('expect', options -> 'expect', 0, 1000) <> cardinality(ticks) then
    perform backstay.refuse('BS304', format('%s ticks lie in the span, %s were expected', cardinality(ticks), options ->> 'expect'), null, 'look at them again');
  end if;
  for at in select distinct u.at from unnest(ticks) u(at) order by u.at loop
    t := backstay.fire(s, at, 'backfill');
    if t.job_id is not null then
      made := made + 1;
    else
      skipped := skipped || backstay.skip(backstay.instant(at), case when t.outcome = 'refused' then left(t.note, 5) when t.outcome = 'skipped' then 'BS303' else 'BS302' end);
    end if;
  end loop;
  perform backstay.record('backfill', 'schedule ' || s.name, reason, made, null, null, jsonb_build_object('from', ticks[1], 'to', ticks[cardinality(ticks)]));
  return backstay.tally(made, skipped);
end
$$;
revoke all on function backstay.backfill(text, timestamptz[], jsonb) from public;
