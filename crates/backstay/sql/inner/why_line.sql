-- Of a job that stands in line, and of the facts around it: the first reason why it does not run, as in `model/why/line.rs`, in
-- the fields `reason`, `text`, `remedy` and `start_at`. Who can take it is asked of one worker after another.
-- needs: inner/instant.sql
create or replace function backstay.why_line(facts jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, backstay, pg_temp as $$
declare
  job      jsonb := facts -> 'job';
  kind     text := job ->> 'kind';
  queue    text := job ->> 'queue';
  level    int := (job ->> 'priority')::int;
  ahead    bigint := (facts -> 'ahead' ->> 'count')::bigint;
  one      jsonb;
  told     jsonb;
  knowing  int := 0;
  able     int := 0;
  roomy    int := 0;
  obstacle jsonb;
  reason   jsonb;
  wait     numeric;
begin
  if not exists (select from jsonb_array_elements(facts -> 'workers') w(one) where w.one ->> 'state' = 'live') then
    return jsonb_build_object('reason', 'no_worker', 'text', format('no live worker serves queue %s', queue), 'remedy', 'backstay work --queues ' || queue);
  end if;
  for one in select w.one from jsonb_array_elements(facts -> 'workers') with ordinality w(one, n)
              where w.one ->> 'state' = 'live' and w.one -> 'kinds' ?| array[kind, '*'] order by w.n loop
    knowing := knowing + 1;
    told := one -> 'admission';
    reason := case
      when told ->> 'level_lost' is not null then
        jsonb_build_object('reason', 'level_lost', 'text', format('its worker on %s claims nothing, since limits cannot be held', one ->> 'host'), 'remedy', 'backstay alerts list')
      when told -> 'brakes' -> 0 is not null then
        jsonb_build_object('reason', 'brake', 'text', format('its worker on %s claims less, the %s is in trouble', one ->> 'host', told -> 'brakes' -> 0 ->> 'what'), 'remedy', 'backstay workers list')
      when told -> 'pool_broken' -> queue ? kind then
        jsonb_build_object('reason', 'pool_broken', 'text', format('the program of %s does not boot on %s', kind, one ->> 'host'), 'remedy', 'backstay alerts list')
      when told -> 'kind_braked' ? kind then
        jsonb_build_object('reason', 'kind_braked', 'text', format('attempts of %s crash again and again, so they start one at a time', kind), 'remedy', 'backstay jobs list --kind ' || kind)
      when (job ->> 'memory_bytes')::numeric > (told ->> 'memory_budget')::numeric then
        jsonb_build_object('reason', 'needs_memory', 'text', format('it needs more memory than all jobs together may use on %s', one ->> 'host'),
                           'remedy', 'start a worker with more memory_budget, or enqueue it anew with less memory')
    end;
    obstacle := coalesce(obstacle, reason);
    if reason is null then
      able := able + 1;
      -- A slot that is kept for a more urgent level counts as taken until jobs of that level, or above it, run in it.
      select roomy + (coalesce((told -> 'slots' -> queue ->> 'count')::int, (one ->> 'slots')::int) - coalesce(sum(b.jobs), 0)
                      - (select coalesce(sum(greatest(0, (r.kept ->> 1)::int - coalesce((
                                  select sum(i.jobs) from jsonb_to_recordset(facts -> 'busy') i(worker text, priority int, jobs int)
                                   where i.worker = one ->> 'id' and i.priority <= (r.kept ->> 0)::int), 0))), 0)
                           from jsonb_array_elements(coalesce(told -> 'slots' -> queue -> 'reserve', '[]')) r(kept)
                          where (r.kept ->> 0)::int < level) > 0)::int
        into roomy
        from jsonb_to_recordset(facts -> 'busy') b(worker text, priority int, jobs int) where b.worker = one ->> 'id';
    end if;
  end loop;
  if knowing = 0 then
    return jsonb_build_object('reason', 'unknown_kind', 'text', format('no live worker of queue %s knows kind %s', queue, kind),
                              'remedy', format('start a worker that handles %s, or: backstay cancel %s', kind, job ->> 'id'));
  elsif able = 0 then
    return obstacle;
  elsif roomy > 0 and ahead = 0 then
    return jsonb_build_object('reason', 'ready', 'text', 'nothing stands in its way: the next look takes it', 'start_at', backstay.instant((facts ->> 'now')::timestamptz));
  end if;
  -- At the pace of the last five minutes, of which nothing is said about more than thirty days.
  wait := (ahead + (roomy = 0)::int) * 3600 / nullif((facts ->> 'per_hour')::numeric, 0);
  return case when roomy = 0 then
           jsonb_build_object('reason', 'no_slot', 'text', format('all slots of queue %s that it could take are busy, and %s jobs stand before it', queue, ahead),
                              'remedy', format('give queue %s more slots or workers; what runs: backstay top', queue))
         else
           jsonb_build_object('reason', 'behind', 'text', format('%s jobs stand before it in queue %s', ahead, queue),
                              'remedy', case when level > 0 then format('to have it run sooner: backstay jobs edit %s --priority urgent', job ->> 'id') end)
         end
      || jsonb_build_object('start_at', case when wait <= 2592000 then backstay.instant((facts ->> 'now')::timestamptz + wait * interval '1 second') end);
end
$$;
revoke all on function backstay.why_line(jsonb) from public;
