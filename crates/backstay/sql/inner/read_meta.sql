-- Meta: a JSON object of at most 16 KiB, for people and tools.
-- needs: inner/refuse.sql
create or replace function backstay.read_meta(value jsonb) returns jsonb
language plpgsql immutable as $$
begin
  if jsonb_typeof(value) <> 'object' then
    perform backstay.refuse('BS102', 'option "meta" must be a JSON object', value::text);
  elsif octet_length(value::text) > 16384 then
    perform backstay.refuse('BS102', format('option "meta" has %s bytes, at most 16384 are allowed', octet_length(value::text)));
  end if;
  return nullif(value, '{}');
end
$$;
revoke all on function backstay.read_meta(jsonb) from public;
