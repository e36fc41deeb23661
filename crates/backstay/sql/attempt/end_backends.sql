-- Ends what a killed child of the same login still has running; a role may always end its own sessions. A session that
-- is idle ends by itself, and behind a transaction pooler it may be somebody else's by now.
-- moves: none                          role: any login
-- $1 name text: what the child was called
-- locks: none
select count(*) filter (where pg_terminate_backend(a.pid)) as ended from pg_stat_activity a
 where a.usename = current_user and a.application_name = $1::text and a.pid <> pg_backend_pid() and a.state <> 'idle'
