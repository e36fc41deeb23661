-- Makes sure that this attempt still holds its job, until your transaction ends: nobody else can start it before your
-- commit. Raises BS201 if it does not. A cancel is not held up by it.
-- role: enqueuer, worker (the fence is the right)
-- needs: inner/refuse.sql
create or replace function backstay.assert_lease(job_id bigint, attempt int, worker uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
begin
  perform from backstay.running r
    where r.job_id = assert_lease.job_id and r.attempt = assert_lease.attempt and r.worker = assert_lease.worker for key share;
  if not found then
    perform backstay.refuse('BS201', format('attempt %s no longer holds job %s', attempt, job_id), null, 'roll back: another attempt may be running');
  end if;
end
$$;
revoke all on function backstay.assert_lease(bigint, int, uuid) from public;
