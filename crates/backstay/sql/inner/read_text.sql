-- A text option: not empty, no control characters, at most so many bytes. Keys, tags, notes and reasons are such.
-- needs: inner/refuse.sql
create or replace function backstay.read_text(option text, value jsonb, most_bytes int) returns text
language plpgsql immutable as $$
declare
  said text := value #>> '{}';
begin
  if jsonb_typeof(value) <> 'string' then
    perform backstay.refuse('BS102', format('option "%s" must be a text', option), value::text,
      case when jsonb_typeof(value) = 'number' then format('write it in quotes: "%s"', said) end);
  elsif said = '' then
    perform backstay.refuse('BS102', format('option "%s" is empty', option), null, 'leave it out, or give a text');
  elsif octet_length(said) > most_bytes then
    perform backstay.refuse('BS102', format('option "%s" has %s bytes, at most %s are allowed', option, octet_length(said), most_bytes),
      said, 'give a shorter text, for instance a hash of it');
  elsif said ~ '[\u0001-\u001f\u007f]' then
    perform backstay.refuse('BS102', format('option "%s" has a control character', option), value::text, 'leave it out');
  end if;
  return said;
end
$$;
revoke all on function backstay.read_text(text, jsonb, int) from public;
