-- How long to wait after a failure, checked and handed on as it was written: the judge reads it from the job.
-- needs: inner/refuse.sql inner/nearest.sql inner/read_duration.sql
create or replace function backstay.read_backoff(value jsonb) returns jsonb
language plpgsql stable as $$
declare
  week constant bigint := 604800000;
  word text;
  part jsonb;
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
  if value ? 'first' then perform backstay.read_duration('backoff.first', value -> 'first', 0, week); end if;
  if value ? 'cap' then perform backstay.read_duration('backoff.cap', value -> 'cap', 0, week); end if;
  if value ? 'fixed' then perform backstay.read_duration('backoff.fixed', value -> 'fixed', 0, week); end if;
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
      perform backstay.read_duration('backoff.list', part, 0, week);
    end loop;
  end if;
  return value;
end
$$;
revoke all on function backstay.read_backoff(jsonb) from public;
