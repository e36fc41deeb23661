-- A whole number within its bounds.
-- needs: inner/refuse.sql
create or replace function backstay.read_whole(option text, value jsonb, low bigint, high bigint) returns bigint
language plpgsql immutable as $$
declare
  number numeric;
begin
  if jsonb_typeof(value) <> 'number' then
    perform backstay.refuse('BS102', format('option "%s" must be a whole number', option), value::text,
      format('a number from %s to %s, without quotes', low, high));
  end if;
  number := value::numeric;
  if number <> trunc(number) or number < low or number > high then
    perform backstay.refuse('BS102', format('option "%s" must be a whole number from %s to %s', option, low, high), value::text,
      case when number > high then format('the most is %s', high)
           when number < low then format('the least is %s', low) end);
  end if;
  return number::bigint;
end
$$;
revoke all on function backstay.read_whole(text, jsonb, bigint, bigint) from public;
