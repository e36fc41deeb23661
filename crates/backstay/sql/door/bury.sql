-- Moves a waiting job to dead_letter, reason `buried`, with its alert. A running one must be cancelled instead.
-- moves: scheduled -> dead, parked -> dead, ready -> dead
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/lift.sql inner/inter.sql inner/record.sql inner/tally.sql inner/skip.sql inner/absent.sql
create or replace function backstay.bury(job_id bigint, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
declare
  reason text := backstay.read_reason(options, '{}');
  spot   backstay.standing := backstay.lift(bury.job_id);
begin
  if spot.job_id is null or spot.place = 'running' then
    return backstay.tally(0, backstay.skip(bury.job_id::text, backstay.absent(bury.job_id)));
  end if;
  perform backstay.inter(spot, left(coalesce(reason, 'by ' || session_user), 200));
  perform backstay.record('bury', bury.job_id::text, reason, 1);
  return backstay.tally(1);
end
$$;
revoke all on function backstay.bury(bigint, jsonb) from public;
