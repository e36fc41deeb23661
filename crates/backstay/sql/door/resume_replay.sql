-- Lets a stopped replay go on after the last job that it revived.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql
create or replace function backstay.resume_replay(replay_id bigint, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
begin
  update backstay.replay r set state = 'running', judged_from = r.next, next_at = statement_timestamp() where r.id = resume_replay.replay_id and r.state = 'stopped';
  if not found then
    return backstay.tally(0, backstay.skip(resume_replay.replay_id::text,
      case when exists (select from backstay.replay r where r.id = resume_replay.replay_id) then 'BS302' else 'BS301' end));
  end if;
  perform backstay.record('resume_replay', resume_replay.replay_id::text, reason, 1);
  perform backstay.wake();
  return backstay.tally(1);
end
$$;
revoke all on function backstay.resume_replay(bigint, jsonb) from public;
