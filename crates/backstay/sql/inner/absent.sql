-- The code for a job that a verb found in no place where it could act: known in another state, or not known at all.
create or replace function backstay.absent(job bigint) returns text
language sql stable as $$
  select case when exists (select from backstay.job j where j.id = job) or exists (select from backstay.dead_letter d where d.id = job)
                or exists (select from backstay.history h where h.job_id = job) then 'BS302' else 'BS301' end
$$;
revoke all on function backstay.absent(bigint) from public;
