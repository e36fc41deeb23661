-- How long to wait after a failure, checked: the judge reads it from the job. Durations in forms that only SQL knows,
-- such as the text of an interval, are handed on in milliseconds.
-- needs: inner/refuse.sql inner/nearest.sql inner/read_duration.sql
create or replace function backstay.read_backoff(value jsonb) returns jsonb
language plpgsql stable as $$
declare
  week constant bigint := 604800000;
  plain constant text := '^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$';
  word text;
  part jsonb;
  ms   bigint;
  list jsonb := '[]';
begin
  if jsonb_typeof(value) <> 'object' or value = '{}' then
    perform backstay.refuse('BS102', 'option "backoff" must be an object', value::text,
      'write {"first": "15s", "factor": 2, "cap": "1h", "jitter": 0.2}, {"fixed": "30s"} or {"list": ["1m", "5m"]}');
  end if;
  select o into word from jsonb_object_keys(value) o where o not in ('first', 'factor', 'cap', 'jitter', 'fixed', 'list') order by o limit 1;
  if found then
    perform backstay.refuse('BS101', format('option "backoff.%s" is not known', left(word, 64)), word,
      'did you mean "' || backstay.nearest(word, array['first', 'factor', 'cap', 'jitter', 'fixed', 'list']) || '"?');
  end if;
  if (value ? 'fixed')::int + (value ? 'list')::int + (value ?| array['first', 'factor', 'cap', 'jitter'])::int > 1 then
    perform backstay.refuse('BS102', 'option "backoff" mixes its forms', value::text, 'use one of: first/factor/cap/jitter, fixed, list');
  end if;
  foreach word in array array['first', 'cap', 'fixed'] loop
    continue when not value ? word;
    ms := backstay.read_duration('backoff.' || word, value -> word, 0, week);
    if value ->> word !~ plain then
      value := value || jsonb_build_object(word, ms || 'ms');
    end if;
  end loop;
  if value ? 'factor' and (jsonb_typeof(value -> 'factor') <> 'number' or (value ->> 'factor')::numeric not between 1 and 10) then
    perform backstay.refuse('BS102', 'option "backoff.factor" must be a number from 1 to 10', value ->> 'factor');
  end if;
  if value ? 'jitter' and (jsonb_typeof(value -> 'jitter') <> 'number' or (value ->> 'jitter')::numeric not between 0 and 1) then
    perform backstay.refuse('BS102', 'option "backoff.jitter" must be a number from 0 to 1', value ->> 'jitter');
  end if;
  if value ? 'list' then
    if jsonb_typeof(value -> 'list') <> 'array' or jsonb_array_length(value -> 'list') not between 1 and 20 then
      perform backstay.refuse('BS102', 'option "backoff.list" must have 1 to 20 durations', value ->> 'list');
    end if;
    for part in select l from jsonb_array_elements(value -> 'list') l loop
      ms := backstay.read_duration('backoff.list', part, 0, week);
      list := list || case when part #>> '{}' ~ plain then part else to_jsonb(ms || 'ms') end;
    end loop;
    value := value || jsonb_build_object('list', list);
  end if;
  return value;
end
$$;
revoke all on function backstay.read_backoff(jsonb) from public;
