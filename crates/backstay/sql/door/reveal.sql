-- Answers args and meta of jobs as they are, in whatever state, with what is hidden elsewhere; the audit tells who looked.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/check_ids.sql inner/record.sql
create or replace function backstay.reveal(job_ids bigint[], options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
  ids    bigint[] := backstay.check_ids(job_ids);
  seen   jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object('id', f.id::text, 'args', f.args, 'meta', coalesce(f.meta, '{}')) order by f.id), '[]') into seen
    from unnest(ids) i(id)
   cross join lateral (
     select j.id, j.args, j.meta from backstay.job j where j.id = i.id
      union all
     select d.id, d.args, d.meta from backstay.dead_letter d where d.id = i.id
      union all
     (select b.job_id, b.args, b.meta from backstay.history_body b where b.job_id = i.id order by b.finished_at desc limit 1)
      limit 1) f;
  if seen <> '[]' then
    perform backstay.record('reveal', case when cardinality(ids) = 1 then ids[1]::text end, reason, jsonb_array_length(seen),
      jsonb_build_object('ids', (select jsonb_agg(s -> 'id') from jsonb_array_elements(seen) s)));
  end if;
  return seen;
end
$$;
revoke all on function backstay.reveal(bigint[], jsonb) from public;
