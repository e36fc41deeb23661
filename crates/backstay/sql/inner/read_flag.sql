-- A boolean option.
-- needs: inner/refuse.sql
create or replace function backstay.read_flag(option text, value jsonb) returns boolean
language plpgsql immutable as $$
begin
  if jsonb_typeof(value) <> 'boolean' then
    perform backstay.refuse('BS102', format('option "%s" must be true or false', option), value::text, 'without quotes');
  end if;
  return value::boolean;
end
$$;
revoke all on function backstay.read_flag(text, jsonb) from public;
