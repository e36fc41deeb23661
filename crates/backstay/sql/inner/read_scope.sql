-- What a pause is about: a queue, a kind or a schedule, by name. A schedule must be there, and its row stays locked.
-- needs: inner/known_schedule.sql
-- needs: inner/refuse.sql inner/nearest.sql inner/read_name.sql
create or replace function backstay.read_scope(what text, name text) returns text
language plpgsql as $$
begin
  if what = 'group' then
    perform backstay.refuse('BS101', 'a group cannot be paused in this version', what, 'pause a queue, a kind or a schedule');
  elsif what is null or what not in ('queue', 'kind', 'schedule') then
    perform backstay.refuse('BS102', 'what is paused must be queue, kind or schedule', what, 'did you mean "' || backstay.nearest(what, array['queue', 'kind', 'schedule']) || '"?');
  end if;
  if what = 'schedule' then
    return (backstay.known_schedule(name)).name;
  end if;
  return backstay.read_name('the ' || what, name);
end
$$;
revoke all on function backstay.read_scope(text, text) from public;
