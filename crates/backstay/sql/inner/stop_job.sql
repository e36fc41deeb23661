-- Ends a job that waits, or marks one that runs to be stopped: cancelled, cancelling, or too_late. `grace` is in milliseconds.
-- needs: inner/lift.sql inner/leave.sql inner/record.sql inner/wake.sql inner/clock.sql
create or replace function backstay.stop_job(job bigint, reason text, grace bigint) returns text
language plpgsql as $$
declare
  said constant text := coalesce(reason, 'cancelled by ' || session_user);
  spot backstay.standing;
begin
  for turn in 1 .. 3 loop
    spot := backstay.lift(job);
    if spot.job_id is null then
      return 'too_late';
    elsif spot.place <> 'running' then
      perform backstay.leave(spot, said);
      perform backstay.record('cancel', job::text, reason, 1);
      return 'cancelled';
    end if;
    update backstay.running r
       set cancel = coalesce(r.cancel, jsonb_build_object('by', session_user, 'reason', said, 'at', backstay.clock()))
                    || case when grace is null then '{}' else jsonb_build_object('grace_ms', least(grace, (r.cancel ->> 'grace_ms')::bigint)) end
     where r.job_id = job;
    if found then
      perform backstay.record('cancel', job::text, reason, 1);
      perform backstay.wake();
      return 'cancelling';
    end if;
  end loop;
  return 'too_late';
end
$$;
revoke all on function backstay.stop_job(bigint, text, bigint) from public;
