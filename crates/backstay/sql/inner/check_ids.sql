-- The ids of a verb for many jobs: each once, in order, so that two such verbs never wait for one another in a circle.
-- needs: inner/refuse.sql
create or replace function backstay.check_ids(job_ids bigint[]) returns bigint[]
language plpgsql as $$
begin
  if cardinality(job_ids) > 10000 then
    perform backstay.refuse('BS109', format('%s jobs in one call, at most 10000 are allowed', cardinality(job_ids)), null, 'use several calls');
  end if;
  return array(select distinct i.id from unnest(job_ids) i(id) where i.id is not null order by i.id);
end
$$;
revoke all on function backstay.check_ids(bigint[]) from public;
