-- Refuses an option that the verb does not know, and names the nearest one it does. JSON null counts as left out.
-- needs: inner/refuse.sql inner/nearest.sql
create or replace function backstay.known(options jsonb, names text[]) returns void
language plpgsql as $$
declare
  word text;
begin
  if options is null or options = '{}' then
    return;
  end if;
  if jsonb_typeof(options) <> 'object' then
    perform backstay.refuse('BS102', 'options must be a JSON object', options::text, 'write {} for none');
  end if;
  select o into word from jsonb_object_keys(options) o where o <> all (names) order by o limit 1;
  if found then
    perform backstay.refuse('BS101', format('option "%s" is not known', left(word, 64)), word,
      coalesce('did you mean "' || backstay.nearest(word, names) || '"? ', '') || 'This verb takes: ' || array_to_string(names, ', '));
  end if;
end
$$;
revoke all on function backstay.known(jsonb, text[]) from public;
