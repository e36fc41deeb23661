-- What a pause is about: a queue or a kind, by name.
-- needs: inner/refuse.sql inner/nearest.sql inner/read_name.sql
create or replace function backstay.read_scope(what text, name text) returns text
language plpgsql as $$
begin
  if what = 'group' then
    perform backstay.refuse('BS101', 'a group cannot be paused in this version', what, 'pause a queue or a kind');
  elsif what is null or what not in ('queue', 'kind') then
    perform backstay.refuse('BS102', 'what is paused must be queue or kind', what, 'did you mean "' || backstay.nearest(what, array['queue', 'kind']) || '"?');
  end if;
  return backstay.read_name('the ' || what, name);
end
$$;
revoke all on function backstay.read_scope(text, text) from public;
