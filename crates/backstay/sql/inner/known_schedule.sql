-- The row of a schedule, locked; what is not there is refused, as a name that cannot be one is.
-- needs: inner/refuse.sql inner/nearest.sql inner/read_name.sql
create or replace function backstay.known_schedule(name text) returns backstay.schedule
language plpgsql as $$
declare
  s backstay.schedule;
begin
  select * into s from backstay.schedule x where x.name = backstay.read_name('the schedule', known_schedule.name) for update;
  if not found then
    perform backstay.refuse('BS301', format('there is no schedule "%s"', left(known_schedule.name, 128)), known_schedule.name,
      coalesce('did you mean "' || backstay.nearest(known_schedule.name, array(select x.name from backstay.schedule x order by 1 limit 1000)) || '"?', 'backstay cron list'));
  end if;
  return s;
end
$$;
revoke all on function backstay.known_schedule(text) from public;
