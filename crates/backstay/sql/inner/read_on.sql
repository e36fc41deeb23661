-- What follows certain ends instead of the ordinary retry, checked: the judge reads it from the job.
-- needs: inner/refuse.sql inner/nearest.sql inner/read_duration.sql inner/read_whole.sql
create or replace function backstay.read_on(value jsonb) returns jsonb
language plpgsql stable as $$
declare
  week  constant bigint := 604800000;
  ends  constant text[] := array['failed', 'timed_out', 'stalled', 'memory_limit', 'oom_killed', 'probable_oom', 'cpu_limit', 'process_limit',
          'disk_limit', 'output_limit', 'protocol_error', 'exited', 'crashed', 'killed', 'lost'];
  at_end text;
  class  text;
  action jsonb;
begin
  if jsonb_typeof(value) <> 'object' or (select count(*) from jsonb_object_keys(value)) > 20 then
    perform backstay.refuse('BS102', 'option "on" must be an object of at most 20 entries', value::text,
      'write {"timed_out": "bury", "exit:3": "cancel", "error:Rate*": {"delay": "5m"}}');
  end if;
  for at_end, action in select e.key, e.value from jsonb_each(value) e loop
    if at_end ~ '^error:' then
      class := regexp_replace(substr(at_end, 7), '\*$', '');
      if at_end = 'error:' or strpos(class, '*') > 0 or octet_length(class) > 256 then
        perform backstay.refuse('BS102', 'option "on" names an error class that cannot be', at_end, 'write the class after "error:", with a * at its end at most');
      end if;
    elsif at_end ~ '^exit:' then
      if at_end !~ '^exit:\d{1,3}$' or substr(at_end, 6)::int > 255 then
        perform backstay.refuse('BS102', 'option "on" names an exit code that cannot be', at_end, 'an exit code is 0 to 255');
      end if;
    elsif at_end <> all (ends) then
      perform backstay.refuse('BS102', format('option "on" names "%s", which costs a job nothing or is no end', left(at_end, 64)), at_end,
        'did you mean "' || backstay.nearest(at_end, ends) || '"?');
    end if;
    if jsonb_typeof(action) = 'number' then
      perform backstay.read_whole('on.' || at_end, action, 0, 100);
    elsif jsonb_typeof(action) = 'object' and action ? 'delay' and action - 'delay' = '{}' then
      value := jsonb_set(value, array[at_end, 'delay'], to_jsonb(backstay.read_duration('on.' || at_end, action -> 'delay', 0, week) || 'ms'));
    elsif action not in ('"bury"', '"cancel"') then
      perform backstay.refuse('BS102', format('option "on.%s" cannot be that', at_end), action::text,
        'write "bury", "cancel", a number of retries from 0 to 100, or {"delay": "5m"}');
    end if;
  end loop;
  return value;
end
$$;
revoke all on function backstay.read_on(jsonb) from public;
