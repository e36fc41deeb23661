-- Moves dead letters aside: hidden, and deleted a week later unless `restore` is called before.
-- role: operator
-- options: reason (required)
-- needs: inner/read_reason.sql inner/check_ids.sql inner/record.sql inner/tally.sql inner/absent.sql inner/clock.sql inner/doer.sql
create or replace function backstay.discard(job_ids bigint[], options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}', true);
  ids    bigint[] := backstay.check_ids(job_ids);
  done   bigint[];
begin
  with found_letters as materialized (
    select d.id from backstay.dead_letter d where d.id = any (ids) and d.discarded_at is null order by d.id for update),
  gone as (
    update backstay.dead_letter d set discarded_at = backstay.clock(), discarded_by = backstay.doer()
      from found_letters f where d.id = f.id returning d.id)
  select coalesce(array_agg(g.id), '{}') into done from gone g;
  if done <> '{}' then
    perform backstay.record('discard', case when cardinality(ids) = 1 then ids[1]::text end, reason, cardinality(done), jsonb_build_object('ids', to_jsonb(done)));
  end if;
  return backstay.tally(cardinality(done), (select jsonb_agg(jsonb_build_object('id', i::text, 'code', backstay.absent(i))) from unnest(ids) i where i <> all (done)));
end
$$;
revoke all on function backstay.discard(bigint[], jsonb) from public;
