-- Drops the oldest partition of a table whose whole day is older than `keep`; answers how many were dropped (0 or 1).
-- Rows of the default partition that are past it are deleted, at most 1,000.
-- role: worker
-- locks: the partitioned table, briefly; gives up after 100 ms and is asked again
create or replace function backstay.drop_partitions(parent text, keep interval) returns int
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set lock_timeout = '100ms' as $$
declare
  day       text := to_char((statement_timestamp() - keep) at time zone 'UTC', 'YYYYMMDD');
  partition text;
begin
  if parent is null or parent not in ('history', 'history_body', 'attempt', 'output_log') then
    raise exception using errcode = '22023', message = 'only history, history_body, attempt and output_log have partitions to drop';
  elsif keep is null or keep < interval '0' then
    return 0;
  end if;
  if parent = 'history' then
    delete from backstay.history_default h where h.ctid = any (array(select ctid from backstay.history_default where finished_at < statement_timestamp() - keep limit 1000));
  elsif parent = 'history_body' then
    delete from backstay.history_body_default h where h.ctid = any (array(select ctid from backstay.history_body_default where finished_at < statement_timestamp() - keep limit 1000));
  elsif parent = 'output_log' then
    delete from backstay.output_log_default h where h.ctid = any (array(select ctid from backstay.output_log_default where at < statement_timestamp() - keep limit 1000));
  else
    delete from backstay.attempt_default h where h.ctid = any (array(select ctid from backstay.attempt_default where ended_at < statement_timestamp() - keep limit 1000));
  end if;
  select c.relname into partition
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = format('backstay.%I', parent)::regclass and c.relname ~ ('^' || parent || '_\d{8}$') and right(c.relname, 8) < day
   order by c.relname limit 1;
  if not found then
    return 0;
  end if;
  begin
    execute format('drop table backstay.%I', partition);
  exception when lock_not_available then
    return 0;
  end;
  return 1;
end
$$;
revoke all on function backstay.drop_partitions(text, interval) from public;
