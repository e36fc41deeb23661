-- Tags: at most 20 texts of at most 64 bytes, each once.
-- needs: inner/refuse.sql inner/read_text.sql
create or replace function backstay.read_tags(value jsonb) returns text[]
language plpgsql immutable as $$
begin
  if jsonb_typeof(value) <> 'array' then
    perform backstay.refuse('BS102', 'option "tags" must be an array of texts', value::text, 'write it like ["monthly"]');
  elsif jsonb_array_length(value) > 20 then
    perform backstay.refuse('BS102', format('option "tags" has %s tags, at most 20 are allowed', jsonb_array_length(value)));
  end if;
  return nullif(array(select distinct backstay.read_text('tags', e, 64) from jsonb_array_elements(value) e order by 1), '{}');
end
$$;
revoke all on function backstay.read_tags(jsonb) from public;
