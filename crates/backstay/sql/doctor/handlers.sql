-- What holds for a session of the login that handlers use: run under that login, on the server that they use.
-- A setting on a group role does nothing for its members, so groups that have some are named.
-- role: any login
select jsonb_build_object(
         'login', r.rolname, 'superuser', r.rolsuper, 'connections', r.rolconnlimit,
         'unset', (select coalesce(jsonb_agg(s.name order by s.name), '[]') from pg_settings s
                    where s.name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout', 'client_connection_check_interval')
                      and s.reset_val = '0'),
         'parallel', (select s.reset_val <> '0' from pg_settings s where s.name = 'max_parallel_workers_per_gather'),
         'groups', (select coalesce(jsonb_agg(g.rolname order by g.rolname), '[]') from pg_roles g
                     where g.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, g.oid, 'member')
                       and (g.rolconnlimit <> -1 or exists (select from pg_db_role_setting x where x.setrole = g.oid))))::text
  from pg_roles r where r.rolname = session_user
