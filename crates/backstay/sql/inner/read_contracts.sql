-- The contracts in the caller's code, by kind, or null where there are none.
-- needs: inner/refuse.sql
create or replace function backstay.read_contracts(value jsonb) returns jsonb
language plpgsql immutable as $$
begin
  if coalesce(value, 'null') = 'null' then
    return null;
  elsif jsonb_typeof(value) <> 'object' then
    perform backstay.refuse('BS102', 'option "contracts" must be a JSON object', value::text, 'write {"report": {"queue": "reports"}}, or leave it out');
  end if;
  return value;
end
$$;
revoke all on function backstay.read_contracts(jsonb) from public;
