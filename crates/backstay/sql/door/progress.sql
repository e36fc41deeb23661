-- Notes how far a running attempt is: a percentage from 0 to 100 (null leaves it), and a note, cut at 200 characters.
-- Raises BS201 if the attempt no longer holds its job.
-- role: enqueuer, worker (the fence is the right)
-- options: note
-- needs: door/assert_lease.sql inner/known.sql inner/clock.sql
create or replace function backstay.progress(job_id bigint, attempt int, worker uuid, percent real, options jsonb default '{}') returns void
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  perform backstay.known(progress.options, array['note']);
  perform backstay.assert_lease(progress.job_id, progress.attempt, progress.worker);
  insert into backstay.progress as p (job_id, at, attempt, percent, note)
  values (progress.job_id, backstay.clock(), progress.attempt, greatest(0, least(100, nullif(progress.percent, 'nan'))), left(progress.options ->> 'note', 200))
      on conflict (job_id) do update
     set at = excluded.at, attempt = excluded.attempt, percent = coalesce(excluded.percent, p.percent), note = coalesce(excluded.note, p.note);
end
$$;
revoke all on function backstay.progress(bigint, int, uuid, real, jsonb) from public;
