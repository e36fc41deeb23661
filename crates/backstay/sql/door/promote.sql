-- Lets a job that is scheduled, backs off or snoozes come into line now, at the tail of its level.
-- moves: scheduled -> ready, scheduled -> parked
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/standing.sql inner/stand.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql inner/absent.sql
create or replace function backstay.promote(job_id bigint, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
declare
  reason text := backstay.read_reason(options, '{}');
  spot   backstay.standing;
begin
  for turn in 1 .. 3 loop
    select * into spot from backstay.standing s where s.job_id = promote.job_id and s.place = 'scheduled';
    exit when not found;
    -- Only from there: what somebody else has just brought into line stays as it stands.
    delete from backstay.scheduled s
     where s.job_id = spot.job_id and s.run_at = spot.run_at and s.attempt = spot.attempt and s.priority = spot.priority;
    if found then
      spot.run_at := null;
      perform backstay.stand(spot);
      perform backstay.record('promote', promote.job_id::text, reason, 1);
      perform backstay.wake();
      return backstay.tally(1);
    end if;
  end loop;
  return backstay.tally(0, backstay.skip(promote.job_id::text, backstay.absent(promote.job_id)));
end
$$;
revoke all on function backstay.promote(bigint, jsonb) from public;
