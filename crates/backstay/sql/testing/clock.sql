-- Puts a clock that can be moved in the place of the database's own; only ever run in databases of the testing kit.
create table if not exists backstay.test_clock (
  one   boolean primary key default true check (one),
  ahead interval not null default '0'
);
insert into backstay.test_clock default values on conflict do nothing;
grant select on backstay.test_clock to public;

create or replace function backstay.clock() returns timestamptz
language sql stable parallel safe
as 'select statement_timestamp() + (select ahead from backstay.test_clock)';

create or replace function backstay.test_advance(by interval) returns void
language plpgsql as $$
begin
  if shobj_description((select oid from pg_database where datname = current_database()), 'pg_database')
     is distinct from 'backstay test database' then
    raise exception using errcode = 'BS509', message = format('`%s` is no test database, so its clock is not moved', current_database()),
      hint = 'let the testing kit make the database';
  end if;
  update backstay.test_clock set ahead = ahead + test_advance.by;
end
$$;
revoke all on function backstay.test_advance(interval) from public;
