-- The most that a job may ask of its queue, "timeout" in milliseconds or "memory" in bytes: what the queue states as
-- its maximum, else four times its own value. Null where the queue is not declared yet; the worker limits it then.
-- needs: inner/read_duration.sql inner/read_size.sql
create or replace function backstay.ceiling(queue_name text, what text) returns bigint
language plpgsql stable as $$
declare
  settings jsonb;
  most     jsonb;
  own      jsonb;
begin
  select q.settings into settings from backstay.queue q where q.name = queue_name;
  if not found then
    return null;
  end if;
  most := settings -> (what || '_max');
  own := settings -> what;
  if what = 'timeout' then
    return case when most is not null then backstay.read_duration('timeout_max', most)
                else 4 * coalesce(backstay.read_duration('timeout', own), 900000) end;
  end if;
  return case when most is not null then backstay.read_size('memory_max', most, 0, 1::bigint << 50)
              when own is not null and own <> '"auto"' then 4 * backstay.read_size('memory', own, 0, 1::bigint << 50) end;
end
$$;
revoke all on function backstay.ceiling(text, text) from public;
