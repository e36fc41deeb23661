-- Lets a job that is scheduled, backs off or snoozes come into line now, at the tail of its level.
-- moves: scheduled -> ready, scheduled -> parked
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/lift.sql inner/stand.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql inner/absent.sql
create or replace function backstay.promote(job_id bigint, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
  spot   backstay.standing;
begin
  if not exists (select from backstay.scheduled s where s.job_id = promote.job_id) then
    return backstay.tally(0, backstay.skip(promote.job_id::text, backstay.absent(promote.job_id)));
  end if;
  spot := backstay.lift(promote.job_id);
  if spot.job_id is null or spot.place = 'running' then
    return backstay.tally(0, backstay.skip(promote.job_id::text, 'BS302'));
  end if;
  if spot.place = 'scheduled' then
    spot.run_at := null;
    spot.ready_at := null;
  end if;
  perform backstay.stand(spot);
  perform backstay.record('promote', promote.job_id::text, reason, 1);
  perform backstay.wake();
  return backstay.tally(1);
end
$$;
revoke all on function backstay.promote(bigint, jsonb) from public;
