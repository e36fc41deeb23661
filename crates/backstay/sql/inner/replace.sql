-- Gives a waiting holder of a unique key what the newer call asked for: args, priority, run_at, expiry, and its retries
-- back. A running holder stays as it is. False: the holder has ended, so the key is free. In line it keeps its turn.
-- needs: inner/lift.sql inner/stand.sql
create or replace function backstay.replace(holder bigint, args jsonb, s backstay.shape) returns boolean
language plpgsql as $$
declare
  spot backstay.standing := backstay.lift(holder);
begin
  if spot.job_id is null or spot.place = 'running' then
    return spot.job_id is not null;
  end if;
  update backstay.job j set args = replace.args, priority = s.priority, expires_at = s.expires_at where j.id = holder;
  if spot.place = 'scheduled' or spot.priority <> s.priority or s.run_at > backstay.clock() then
    spot.seq := null;
    spot.ready_at := null;
  else
    perform nextval('backstay.lowered_seq');
  end if;
  spot.priority := s.priority;
  spot.run_at := s.run_at;
  spot.retry_count := 0;
  spot.reason := 'scheduled';
  perform backstay.stand(spot);
  return true;
end
$$;
revoke all on function backstay.replace(bigint, jsonb, backstay.shape) from public;
