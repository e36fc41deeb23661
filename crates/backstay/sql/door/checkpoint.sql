-- Keeps what the next attempt of this job will begin with, saved together with your own rows: at most 64 KiB, the last
-- one wins. Raises BS201 if the attempt no longer holds its job.
-- role: enqueuer, worker (the fence is the right)
-- needs: door/assert_lease.sql inner/refuse.sql inner/clock.sql
create or replace function backstay.checkpoint(job_id bigint, attempt int, worker uuid, value jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
begin
  if octet_length(checkpoint.value::text) > 65536 then
    perform backstay.refuse('BS202', format('the checkpoint has %s bytes, at most 65536 are allowed', octet_length(checkpoint.value::text)), null,
      'keep a cursor in it, and the data in a table or file of your own');
  end if;
  perform backstay.assert_lease(checkpoint.job_id, checkpoint.attempt, checkpoint.worker);
  insert into backstay.checkpoint as c (job_id, at, attempt, value)
  values (checkpoint.job_id, backstay.clock(), checkpoint.attempt, coalesce(checkpoint.value, 'null'))
      on conflict (job_id) do update set at = excluded.at, attempt = excluded.attempt, value = excluded.value;
end
$$;
revoke all on function backstay.checkpoint(bigint, int, uuid, jsonb) from public;
