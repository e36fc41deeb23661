-- Why a job does not run, or that it does, or how it ended: {"state", "reason", "text", "since", "remedy", "start_at"}, the first
-- reason of the closed list that applies, as `backstay why JOB` tells it. The text is shorter than there; all else is the same.
-- role: viewer, operator
-- needs: inner/why_facts.sql inner/why_line.sql inner/why_waits.sql inner/why_paused.sql inner/instant.sql
create or replace function backstay.why(job_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  facts  jsonb := backstay.why_facts(why.job_id);
  job    jsonb := nullif(facts -> 'job', 'null');
  now    timestamptz := (facts ->> 'now')::timestamptz;
  last   jsonb := nullif(facts -> 'last', 'null');
  letter jsonb := nullif(facts -> 'letter', 'null');
  mine   jsonb;
  answer jsonb;
begin
  select w.one into mine from jsonb_array_elements(facts -> 'workers') w(one) where w.one ->> 'id' = job ->> 'worker';
  answer := case
    when job is null and last is not null then
      jsonb_build_object('reason', 'pruned', 'text', format('it has ended and is past its retention; its last attempt that is kept, number %s, came to %s', last ->> 'attempt', last ->> 'outcome'),
                         'since', backstay.instant((last ->> 'ended_at')::timestamptz))
    when job is null then
      jsonb_build_object('reason', 'no_such_job', 'text', 'no such job is known', 'remedy', 'what there is: backstay jobs list', 'since', null)
    when job ->> 'state' = 'completed' then
      jsonb_build_object('reason', 'completed', 'text', format('completed by attempt %s', job ->> 'attempt'), 'since', job ->> 'finished_at')
    when job ->> 'state' = 'cancelled' and job ->> 'reason' = 'expired' then
      jsonb_build_object('reason', 'expired', 'text', 'it expired before it could start', 'since', job ->> 'finished_at')
    when job ->> 'state' = 'cancelled' then
      jsonb_build_object('reason', 'cancelled', 'text', 'cancelled' || coalesce(': ' || left(job ->> 'reason', 120), ''), 'since', job ->> 'finished_at')
    when job ->> 'state' = 'dead' then
      jsonb_build_object('reason', 'dead', 'text', 'dead' || coalesce(format(': %s (group %s)', left(letter ->> 'title', 120), letter ->> 'fingerprint'), ''), 'since', job ->> 'finished_at',
                         'remedy', case when letter ->> 'discarded_at' is not null then format('to have it back: backstay dead restore %s', job ->> 'id')
                                        when letter is not null then format('when what was wrong is mended: backstay dead revive %s', job ->> 'id') end)
    when job ->> 'state' = 'running' and coalesce(mine ->> 'state', 'lost') not in ('live', 'draining') then
      jsonb_build_object('reason', 'lost', 'text', 'its worker is silent; another takes the job over', 'since', backstay.instant((mine ->> 'beat_at')::timestamptz),
                         'remedy', case when exists (select from jsonb_array_elements(facts -> 'workers') w(one) where w.one ->> 'state' = 'live')
                                        then 'backstay workers list' else 'no worker lives, start one: backstay work' end)
    when job ->> 'state' = 'running' and facts -> 'cancel' <> 'null' then
      jsonb_build_object('reason', 'cancelling', 'text', format('it runs on %s and is told to stop', mine ->> 'host'))
    when job ->> 'state' = 'running' and mine -> 'admission' -> 'in_hand' ? (job ->> 'id') then
      jsonb_build_object('reason', 'in_hand', 'text', format('a worker on %s has taken it, and it waits there for memory', mine ->> 'host'), 'remedy', 'backstay top')
    when job ->> 'state' = 'running' then
      jsonb_build_object('reason', 'running', 'text', format('attempt %s runs on %s', job ->> 'attempt', mine ->> 'host'), 'remedy', format('what it prints: backstay tail %s -f', job ->> 'id'))
    when job ->> 'state' in ('scheduled', 'parked') then backstay.why_waits(facts)
    when (job ->> 'expires_at')::timestamptz <= now then
      jsonb_build_object('reason', 'expired', 'text', 'its time to start is over: it is about to be cancelled', 'since', job ->> 'expires_at')
    when facts -> 'pauses' -> 0 is not null then backstay.why_paused(facts)
    else backstay.why_line(facts)
  end;
  return jsonb_build_object('state', job ->> 'state', 'since', backstay.instant((facts ->> 'since')::timestamptz), 'remedy', null, 'start_at', null) || answer;
end
$$;
revoke all on function backstay.why(bigint) from public;
