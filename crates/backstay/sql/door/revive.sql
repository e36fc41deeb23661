-- Brings dead letters back into line under their own ids; `args` gives one of them other args. What cannot be revived
-- is passed over: BS301 unknown, BS302 not dead or discarded, BS303 its unique key is held.
-- moves: dead -> ready, dead -> parked
-- role: operator, worker (a replay's step)
-- options: reason args without_unique
-- needs: inner/raise_dead.sql inner/read_reason.sql inner/read_flag.sql inner/check_args.sql inner/check_ids.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql
create or replace function backstay.revive(job_ids bigint[], options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
declare
  reason  text := backstay.read_reason(options, array['args', 'without_unique']);
  ids     bigint[] := backstay.check_ids(job_ids);
  args    jsonb := nullif(options -> 'args', 'null');
  unkeyed boolean := coalesce(nullif(options -> 'without_unique', 'null'), 'false') = 'true';
  job     bigint;
  code    text;
  done    bigint := 0;
  skipped jsonb := '[]';
begin
  if options ? 'without_unique' then
    perform backstay.read_flag('without_unique', coalesce(nullif(options -> 'without_unique', 'null'), 'false'));
  end if;
  if args is not null and cardinality(ids) <> 1 then
    perform backstay.refuse('BS102', 'option "args" is for one job', null, 'revive that job alone');
  elsif args is not null then
    perform backstay.check_args(args, (select i.args_bytes_max from backstay.installation i));
  end if;
  foreach job in array ids loop
    code := backstay.raise_dead(job, args, unkeyed);
    if code is null then
      done := done + 1;
    else
      skipped := skipped || backstay.skip(job::text, code);
    end if;
  end loop;
  if done > 0 then
    perform backstay.record('revive', case when cardinality(ids) = 1 then ids[1]::text end, reason, done,
      jsonb_build_object('ids', to_jsonb(ids)), null,
      jsonb_build_object('args', args is not null, 'without_unique', unkeyed, 'skipped', jsonb_array_length(skipped)));
    perform backstay.wake();
  end if;
  return backstay.tally(done, skipped);
end
$$;
revoke all on function backstay.revive(bigint[], jsonb) from public;
