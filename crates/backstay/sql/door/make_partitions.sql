-- Makes the partitions of today and the next three days; answers how many were missing.
-- role: worker
-- locks: the partitioned tables, briefly; gives up after 100 ms
create or replace function backstay.make_partitions() returns int
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set lock_timeout = '100ms' as $$
declare
  parent text;
  moment text;
  day    date;
  late   boolean;
  made   int := 0;
begin
  foreach parent in array array['history', 'history_body', 'attempt', 'output_log'] loop
    moment := case parent when 'attempt' then 'ended_at' when 'output_log' then 'at' else 'finished_at' end;
    for day in select (statement_timestamp() at time zone 'UTC')::date + g from generate_series(0, 3) g loop
      -- A day whose rows stand in the default partition already stays there: trying would lock and scan it for nothing.
      execute format('select exists (select from backstay.%I where %I >= %L and %I < %L)', parent || '_default',
                     moment, day::timestamp at time zone 'UTC',
                     moment, (day + 1)::timestamp at time zone 'UTC') into late;
      if not late and to_regclass(format('backstay.%I', parent || to_char(day, '_YYYYMMDD'))) is null then
        begin
          execute format('create table backstay.%I partition of backstay.%I for values from (%L) to (%L)', parent || to_char(day, '_YYYYMMDD'), parent,
                         day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
          made := made + 1;
        exception
          -- A row came meanwhile, or another worker was faster, or somebody reads for long: next time.
          when check_violation or duplicate_table or lock_not_available then
            null;
        end;
      end if;
    end loop;
  end loop;
  return made;
end
$$;
revoke all on function backstay.make_partitions() from public;
