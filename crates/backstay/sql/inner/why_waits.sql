-- Of a job that is not due yet, or is held back, and of the facts around it: the first reason why it does not run, as in
-- `model/why/waiting.rs`, in the fields `reason`, `text`, `since`, `remedy` and `start_at`.
-- needs: inner/instant.sql inner/why_paused.sql
create or replace function backstay.why_waits(facts jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, backstay, pg_temp as $$
declare
  job    jsonb := facts -> 'job';
  kind   text := job ->> 'kind';
  queue  text := job ->> 'queue';
  run_at timestamptz := coalesce((job ->> 'run_at')::timestamptz, (facts ->> 'now')::timestamptz);
  serves boolean := exists (select from jsonb_array_elements(facts -> 'workers') w(one) where w.one ->> 'state' = 'live');
  knows  boolean := exists (select from jsonb_array_elements(facts -> 'workers') w(one)
                             where w.one ->> 'state' = 'live' and w.one -> 'kinds' ?| array[kind, '*']);
  pause  jsonb;
begin
  if job ->> 'state' = 'scheduled' then
    select p.pause into pause from jsonb_array_elements(facts -> 'pauses') with ordinality p(pause, n)
     where coalesce((p.pause ->> 'until')::timestamptz, 'infinity') > run_at order by p.n limit 1;
    return jsonb_build_object(
      'reason', case when job ->> 'reason' in ('backing_off', 'snoozed', 'released', 'suspect') then job ->> 'reason' else 'scheduled' end,
      'text', case job ->> 'reason'
                when 'backing_off' then format('attempt %s came to %s', job ->> 'attempt', coalesce(job -> 'error' ->> 'outcome', 'failed'))
                when 'snoozed' then 'its handler asked for a later start'
                when 'released' then 'its worker gave it back for a while'
                when 'suspect' then 'workers were lost with it aboard, so it waits until no other such job runs'
                else 'it waits until it is due' end || format('; due at %s', backstay.instant(run_at))
              || case when pause is not null then format('; %s %s is paused then', pause ->> 'scope', pause ->> 'name')
                      when not serves then format('; no live worker serves queue %s now', queue) else '' end,
      'remedy', format('to have it run now: backstay jobs promote %s', job ->> 'id'),
      'start_at', case when pause is not null then backstay.instant((pause ->> 'until')::timestamptz)
                       when serves then backstay.instant(greatest(run_at, (facts ->> 'now')::timestamptz)) end);
  elsif job ->> 'reason' = 'paused' and facts -> 'pauses' -> 0 is not null then
    return backstay.why_paused(facts);
  elsif job ->> 'reason' = 'unknown_kind' and not knows then
    return jsonb_build_object('reason', 'unknown_kind', 'text', format('no live worker of queue %s knows kind %s', queue, kind),
                              'remedy', format('start a worker that handles %s, or: backstay cancel %s', kind, job ->> 'id'));
  elsif job ->> 'reason' in ('paused', 'unknown_kind') then
    return jsonb_build_object('reason', job ->> 'reason', 'text', 'what held it back is over: it comes back into line in a moment', 'start_at', backstay.instant((facts ->> 'now')::timestamptz));
  end if;
  return jsonb_build_object('reason', 'held', 'text', rtrim(format('held back: %s %s', coalesce(job ->> 'reason', 'no reason is said'), facts ->> 'subject')));
end
$$;
revoke all on function backstay.why_waits(jsonb) from public;
