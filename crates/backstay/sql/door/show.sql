-- The document of one job, live or ended or dead, or null. Without its args.
-- role: enqueuer (its own jobs), viewer, operator, worker
-- needs: inner/job_document.sql inner/holds.sql
create or replace function backstay.show(job_id bigint) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
begin
  return backstay.job_document(show.job_id,
    case when backstay.holds('backstay_viewer', 'backstay_operator', 'backstay_worker') then null else session_user::text end);
end
$$;
revoke all on function backstay.show(bigint) from public;
