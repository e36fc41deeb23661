-- Stops a running replay where it is.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/record.sql inner/tally.sql inner/skip.sql
create or replace function backstay.stop_replay(replay_id bigint, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
begin
  update backstay.replay r set state = 'stopped' where r.id = stop_replay.replay_id and r.state = 'running';
  if not found then
    return backstay.tally(0, backstay.skip(stop_replay.replay_id::text,
      case when exists (select from backstay.replay r where r.id = stop_replay.replay_id) then 'BS302' else 'BS301' end));
  end if;
  perform backstay.record('stop_replay', stop_replay.replay_id::text, reason, 1);
  return backstay.tally(1);
end
$$;
revoke all on function backstay.stop_replay(bigint, jsonb) from public;
