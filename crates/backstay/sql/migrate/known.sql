-- Says whether Backstay is here, whether its group roles exist, and what the server is.
select to_regclass('backstay.migration') is not null as installed,
       exists (select from pg_roles where rolname = 'backstay_owner') as with_roles,
       current_setting('server_version_num')::int / 10000 as major,
       pg_is_in_recovery() as standby
