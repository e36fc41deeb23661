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
         'isolation', current_setting('default_transaction_isolation'), 'read_only', current_setting('default_transaction_read_only'),
         'notify_usage', pg_notification_queue_usage(), 'listener', (
           select jsonb_build_object('pid', a.pid, 'who', coalesce(nullif(a.application_name, ''), a.usename::text))
             from pg_stat_activity a where a.backend_type = 'client backend' and a.state like 'idle in transaction%' order by a.xact_start limit 1),
         'ceilings', (select coalesce(jsonb_agg(to_jsonb(l) order by l.login), '[]') from (
                        select a.usename as login, count(*) as used, r.rolconnlimit as most
                          from pg_stat_activity a join pg_roles r on r.rolname = a.usename
                         where r.rolconnlimit >= 0 and a.backend_type = 'client backend'
                           and (a.usename = session_user
                                or exists (select from pg_stat_activity o where o.usename = a.usename and o.application_name like 'backstay %' and o.datname = current_database()))
                         group by a.usename, r.rolconnlimit order by a.usename limit 20) l),
         'login', session_user)::text
