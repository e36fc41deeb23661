-- The names of the top-level args that make a key: {"by": ["tenant", "month"]}.
-- needs: inner/refuse.sql
create or replace function backstay.read_by(option text, value jsonb) returns text[]
language plpgsql immutable as $$
begin
  if jsonb_typeof(value) <> 'array' or jsonb_array_length(value) not between 1 and 8
     or exists (select from jsonb_array_elements(value) e where jsonb_typeof(e) <> 'string' or octet_length(e #>> '{}') not between 1 and 128) then
    perform backstay.refuse('BS102', format('option "%s" must be a list of 1 to 8 names of args', option), value::text,
      'write it like {"by": ["tenant"]}');
  end if;
  return array(select jsonb_array_elements_text(value));
end
$$;
revoke all on function backstay.read_by(text, jsonb) from public;
