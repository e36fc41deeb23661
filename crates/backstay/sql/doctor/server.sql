-- What the server says of itself; needs no schema of ours.
-- role: any login
select jsonb_build_object(
         'version', current_setting('server_version'), 'version_num', current_setting('server_version_num')::int, 'standby', pg_is_in_recovery(),
         'fsync', current_setting('fsync'), 'full_page_writes', current_setting('full_page_writes'), 'synchronous_commit', current_setting('synchronous_commit'),
         'synchronous_standbys', current_setting('synchronous_standby_names'), 'autovacuum', current_setting('autovacuum'),
         'max_connections', current_setting('max_connections')::int, 'reserved', current_setting('superuser_reserved_connections')::int,
         'connections', (select count(*) from pg_stat_activity a where a.backend_type = 'client backend'),
         'ours', (select count(*) from pg_stat_activity a where a.application_name like 'backstay %' and a.datname = current_database()),
         'sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'usage') or current_setting('is_superuser') = 'on',
         'login', session_user)::text
