-- How many sessions the server takes, and how many of them the worker's login and that of its handlers may have; -1 and
-- null say that nothing limits them, or that the login is not known here.
-- moves: none                          role: worker
-- $1 handlers text: the login of the handlers, or null
select current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint as most,
       session_user::text as login,
       (select r.rolconnlimit::bigint from pg_roles r where r.rolname = session_user) as own,
       (select r.rolconnlimit::bigint from pg_roles r where r.rolname = $1::text) as handlers
