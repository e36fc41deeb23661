-- Ends a job that waits, or asks the worker to stop one that runs. Answers cancelled, cancelling, too_late or not_found.
-- role: enqueuer (its own jobs), operator
-- options: reason; grace, a duration up to 5m: less time to stop than its queue gives, 0s to kill it at once
-- needs: inner/read_reason.sql inner/read_duration.sql inner/holds.sql inner/stop_job.sql
create or replace function backstay.cancel(job_id bigint, options jsonb default '{}') returns text
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  job    constant bigint := cancel.job_id;
  reason text := backstay.read_reason(cancel.options, array['grace']);
  grace  bigint := case when jsonb_typeof(cancel.options -> 'grace') <> 'null' then backstay.read_duration('grace', cancel.options -> 'grace', 0, 300000) end;
  free   boolean := backstay.holds('backstay_operator');
begin
  if not exists (select from backstay.job j where j.id = job and (free or j.enqueued_by = session_user)) then
    return case when exists (select from backstay.history h where h.job_id = job and (free or h.enqueued_by = session_user))
                  or exists (select from backstay.dead_letter d where d.id = job and (free or d.enqueued_by = session_user))
                then 'too_late' else 'not_found' end;
  end if;
  return backstay.stop_job(job, reason, grace);
end
$$;
revoke all on function backstay.cancel(bigint, jsonb) from public;
