-- Fills in what a job's `unique` option asks for: the key, how long it is held, and what a conflict does.
-- needs: inner/refuse.sql inner/known.sql inner/read_text.sql inner/read_by.sql inner/read_duration.sql inner/nearest.sql
create or replace function backstay.read_unique(s backstay.shape, value jsonb) returns backstay.shape
language plpgsql stable as $$
declare
  said text;
begin
  s.until := 'finished';
  s.on_conflict := 'keep';
  if value = 'false' then
    return s;
  elsif value = 'true' then
    s.unique_args := true;
    return s;
  elsif jsonb_typeof(value) = 'string' then
    s.unique_key := backstay.read_text('unique', value, 1024);
    return s;
  elsif jsonb_typeof(value) <> 'object' then
    perform backstay.refuse('BS102', 'option "unique" must be a key, true, or an object', value::text,
      'write {"key": "order:7"} or {"by": ["tenant"]}, with until, period_in, on_conflict');
  end if;
  if value ?| array['wait_in', 'max_wait_in'] then
    perform backstay.refuse('BS101', 'option "unique.wait_in" is not available in this version', null, 'on_conflict can be keep, reject or replace');
  end if;
  perform backstay.known(value, array['key', 'by', 'until', 'period_in', 'on_conflict']);
  if coalesce(value -> 'key', 'null') <> 'null' and coalesce(value -> 'by', 'null') <> 'null' then
    perform backstay.refuse('BS102', 'option "unique" has both key and by', null, 'give one of them');
  elsif coalesce(value -> 'key', 'null') <> 'null' then
    s.unique_key := backstay.read_text('unique.key', value -> 'key', 1024);
  elsif coalesce(value -> 'by', 'null') <> 'null' then
    s.unique_by := backstay.read_by('unique.by', value -> 'by');
  else
    s.unique_args := true;
  end if;
  if coalesce(value -> 'period_in', 'null') <> 'null' then
    if coalesce(value -> 'until', 'null') <> 'null' then
      perform backstay.refuse('BS102', 'option "unique" has both until and period_in', null, 'give one of them');
    end if;
    s.until := 'period';
    s.period_ms := backstay.read_duration('unique.period_in', value -> 'period_in', 1000, 2592000000);
  elsif coalesce(value -> 'until', 'null') <> 'null' then
    said := value ->> 'until';
    if said not in ('finished', 'started') then
      perform backstay.refuse('BS102', 'option "unique.until" must be finished or started', said,
        'did you mean "' || backstay.nearest(said, array['finished', 'started']) || '"?');
    end if;
    s.until := said;
  end if;
  if coalesce(value -> 'on_conflict', 'null') <> 'null' then
    said := value ->> 'on_conflict';
    if said in ('latest', 'debounce') then
      perform backstay.refuse('BS101', format('option "unique.on_conflict" = "%s" is not available in this version', said), null,
        'on_conflict can be keep, reject or replace');
    elsif said not in ('keep', 'reject', 'replace') then
      perform backstay.refuse('BS102', 'option "unique.on_conflict" must be keep, reject or replace', said,
        'did you mean "' || backstay.nearest(said, array['keep', 'reject', 'replace']) || '"?');
    end if;
    s.on_conflict := said;
  end if;
  return s;
end
$$;
revoke all on function backstay.read_unique(backstay.shape, jsonb) from public;
