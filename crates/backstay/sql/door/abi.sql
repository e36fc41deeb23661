-- The version of this interface. Within one version signatures, options and codes are only added to.
-- role: enqueuer, viewer, operator
create or replace function backstay.abi() returns int
language sql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
  select 1
$$;
revoke all on function backstay.abi() from public;
