-- Revives many dead letters at a limited rate: freezes their ids, revives `first` of them, waits until those have
-- settled, goes on at `rate`, and stops when more than `stop_at` of them fail again. Answers count, skipped and replay (its id).
-- role: operator
-- options: reason (required), first [10] rate ["60/1m"] stop_at [0.2] expect (the count that was previewed)
-- filter: ids fingerprint kind queue reason group tag since before; at least one
-- needs: inner/known.sql inner/read_reason.sql inner/read_rate.sql inner/read_share.sql inner/read_whole.sql inner/read_instant.sql inner/record.sql inner/tally.sql inner/wake.sql inner/doer.sql
create or replace function backstay.replay(filter jsonb, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  reason  text := backstay.read_reason(replay.options, array['first', 'rate', 'stop_at', 'expect'], true);
  start   int := backstay.read_whole('first', coalesce(nullif(replay.options -> 'first', 'null'), '10'), 1, 10000);
  share   real := backstay.read_share('stop_at', coalesce(nullif(replay.options -> 'stop_at', 'null'), '0.2'));
  expect  bigint;
  pace    record;
  ids     bigint[];
  busy    bigint;
  replay_ bigint;
begin
  perform backstay.known(filter, array['ids', 'fingerprint', 'kind', 'queue', 'reason', 'group', 'tag', 'since', 'before']);
  if filter is null or filter = '{}' then
    perform backstay.refuse('BS102', 'the filter is empty', null, 'give at least one of ids fingerprint kind queue reason group tag since before');
  elsif filter ? 'ids' and (jsonb_typeof(filter -> 'ids') <> 'array' or exists (select from jsonb_array_elements_text(filter -> 'ids') e where e !~ '^\d{1,18}$')) then
    perform backstay.refuse('BS102', 'filter "ids" must be an array of job ids', filter ->> 'ids');
  end if;
  select * into pace from backstay.read_rate('rate', coalesce(nullif(replay.options -> 'rate', 'null'), '"60/1m"'));
  select p.id into busy from backstay.replay p where p.state = 'running' and p.filter ->> 'fingerprint' = replay.filter ->> 'fingerprint' limit 1;
  if found then
    perform backstay.refuse('BS302', format('replay %s of this group is still running', busy), null, 'wait for it, or stop it');
  end if;
  ids := array(
    select d.id from backstay.dead_letter d
     where d.discarded_at is null
       and (replay.filter -> 'ids' is null or d.id in (select e::bigint from jsonb_array_elements_text(replay.filter -> 'ids') e))
       and (replay.filter ->> 'fingerprint' is null or d.fingerprint = replay.filter ->> 'fingerprint')
       and (replay.filter ->> 'kind' is null or d.kind = replay.filter ->> 'kind')
       and (replay.filter ->> 'queue' is null or d.queue = replay.filter ->> 'queue')
       and (replay.filter ->> 'reason' is null or d.reason = replay.filter ->> 'reason')
       and (replay.filter ->> 'group' is null or d.group_key = replay.filter ->> 'group')
       and (replay.filter ->> 'tag' is null or replay.filter ->> 'tag' = any (d.tags))
       and (replay.filter -> 'since' is null or d.died_at >= backstay.read_instant('since', replay.filter -> 'since'))
       and (replay.filter -> 'before' is null or d.died_at < backstay.read_instant('before', replay.filter -> 'before'))
     order by d.died_at, d.id limit 1000001);
  if cardinality(ids) > 1000000 then
    perform backstay.refuse('BS109', 'more than 1000000 dead letters fit the filter', null, 'narrow it');
  elsif coalesce(replay.options -> 'expect', 'null') <> 'null' then
    expect := backstay.read_whole('expect', replay.options -> 'expect', 0, 1000000);
    if abs(cardinality(ids) - expect) > expect * 0.1 then
      perform backstay.refuse('BS304', format('%s dead letters fit the filter, %s were expected', cardinality(ids), expect), null, 'look at them again');
    end if;
  end if;
  if ids = '{}' then
    return backstay.tally(0) || '{"replay": null}';
  end if;
  insert into backstay.replay (started_at, next_at, total, first, per_count, per_ms, stop_at, state, by, reason, filter)
  values (statement_timestamp(), statement_timestamp(), cardinality(ids), start, pace.per_count, pace.per_ms, share, 'running', backstay.doer(), reason,
          replay.filter - 'ids')
  returning id into replay_;
  insert into backstay.replay_job (replay_id, n, job_id) select replay_, i.n, i.id from unnest(ids) with ordinality i(id, n);
  perform backstay.record('replay', replay_::text, reason, cardinality(ids), replay.filter);
  perform backstay.wake();
  return backstay.tally(cardinality(ids)) || jsonb_build_object('replay', replay_::text);
end
$$;
revoke all on function backstay.replay(jsonb, jsonb) from public;
