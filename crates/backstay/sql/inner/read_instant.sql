-- An instant: RFC 3339 with its offset, at most ten years ahead.
-- needs: inner/refuse.sql inner/clock.sql
create or replace function backstay.read_instant(option text, value jsonb) returns timestamptz
language plpgsql stable as $$
declare
  said    text := value #>> '{}';
  instant timestamptz;
begin
  if jsonb_typeof(value) <> 'string' or said !~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d' then
    perform backstay.refuse('BS102', format('option "%s" is not an instant', option), value::text, 'write it like "2026-11-23T09:00:00Z"');
  elsif said !~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d(:?\d\d)?)$' then
    perform backstay.refuse('BS102', format('option "%s" has no offset', option), said, 'end it with "Z" or an offset like "+02:00"');
  end if;
  begin
    instant := said::timestamptz;
  exception when data_exception then
    perform backstay.refuse('BS102', format('option "%s" is not a date that exists', option), said, 'write it like "2026-11-23T09:00:00Z"');
  end;
  if instant > backstay.clock() + interval '3653 days' then
    perform backstay.refuse('BS102', format('option "%s" is more than ten years ahead', option), said, 'give an earlier instant');
  end if;
  return instant;
end
$$;
revoke all on function backstay.read_instant(text, jsonb) from public;
