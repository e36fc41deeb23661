-- The time that decides: the database's. The testing kit puts a movable one in its place, in its own databases only.
create or replace function backstay.clock() returns timestamptz
language sql stable parallel safe
as 'select statement_timestamp()';
revoke all on function backstay.clock() from public;
