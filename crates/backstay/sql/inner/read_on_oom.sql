-- What follows when memory ran out, checked: the judge reads it from the job.
-- needs: inner/refuse.sql inner/read_whole.sql inner/read_size.sql inner/read_name.sql
create or replace function backstay.read_on_oom(value jsonb) returns jsonb
language plpgsql stable as $$
declare
  most text := value ->> 'max';
  word text;
begin
  if jsonb_typeof(value) <> 'object' then
    perform backstay.refuse('BS102', 'option "on_oom" must be an object', value::text, 'write {"retry": 1, "factor": 2, "max": "4GiB"}');
  end if;
  select o into word from jsonb_object_keys(value) o where o not in ('retry', 'factor', 'max', 'queue') order by o limit 1;
  if found then
    perform backstay.refuse('BS101', format('option "on_oom.%s" is not known', left(word, 64)), word, 'it takes retry, factor, max and queue');
  end if;
  if value ? 'retry' then
    perform backstay.read_whole('on_oom.retry', value -> 'retry', 0, 10);
  end if;
  if value ? 'factor' and (jsonb_typeof(value -> 'factor') <> 'number' or (value ->> 'factor')::numeric not between 1.1 and 10) then
    perform backstay.refuse('BS102', 'option "on_oom.factor" must be a number from 1.1 to 10', value ->> 'factor');
  end if;
  if most ~ '^\d{1,4}(\.\d{1,4})?x$' then
    if rtrim(most, 'x')::numeric not between 1 and 64 then
      perform backstay.refuse('BS102', 'option "on_oom.max" is not between 1x and 64x', most);
    end if;
  elsif value ? 'max' then
    perform backstay.read_size('on_oom.max', value -> 'max', 33554432, 4398046511104);
  end if;
  if value ? 'queue' then
    perform backstay.read_name('option "on_oom.queue"', value ->> 'queue');
  end if;
  return value;
end
$$;
revoke all on function backstay.read_on_oom(jsonb) from public;
