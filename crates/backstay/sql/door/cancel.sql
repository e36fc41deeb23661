-- Ends a job that waits, or asks the worker to stop one that runs. Answers cancelled, cancelling, too_late or not_found.
-- role: enqueuer (its own jobs), operator
-- options: reason; grace, a duration up to 5m: less time to stop than its queue gives, 0s to kill it at once
-- needs: inner/read_reason.sql inner/read_duration.sql inner/holds.sql inner/lift.sql inner/leave.sql inner/record.sql inner/wake.sql inner/clock.sql
create or replace function backstay.cancel(job_id bigint, options jsonb default '{}') returns text
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  job    constant bigint := cancel.job_id;
  reason text := backstay.read_reason(cancel.options, array['grace']);
  grace  bigint := case when jsonb_typeof(cancel.options -> 'grace') <> 'null' then backstay.read_duration('grace', cancel.options -> 'grace', 0, 300000) end;
  free   boolean := backstay.holds('backstay_operator');
  spot   backstay.standing;
begin
  if not exists (select from backstay.job j where j.id = job and (free or j.enqueued_by = session_user)) then
    return case when exists (select from backstay.history h where h.job_id = job and (free or h.enqueued_by = session_user))
                  or exists (select from backstay.dead_letter d where d.id = job and (free or d.enqueued_by = session_user))
                then 'too_late' else 'not_found' end;
  end if;
  for turn in 1 .. 3 loop
    spot := backstay.lift(job);
    if spot.job_id is null then
      return 'too_late';
    elsif spot.place <> 'running' then
      perform backstay.leave(spot, coalesce(reason, 'cancelled by ' || session_user));
      perform backstay.record('cancel', job::text, reason, 1);
      return 'cancelled';
    end if;
    update backstay.running r
       set cancel = coalesce(r.cancel, jsonb_build_object('by', session_user, 'reason', coalesce(reason, 'cancelled by ' || session_user), 'at', backstay.clock()))
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
revoke all on function backstay.cancel(bigint, jsonb) from public;
