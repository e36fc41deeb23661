-- What the server says of itself to monitoring: the age of the oldest snapshot, dead rows of our tables, sessions of this database by state.
-- role: viewer; sees other logins' sessions with pg_read_all_stats only
select jsonb_build_object(
         'horizon_age_seconds', greatest(
           (select coalesce(max(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.query_start))), 0) from pg_stat_activity a
             where coalesce(a.backend_xmin, a.backend_xid) is not null and a.pid <> pg_backend_pid() and a.backend_type <> 'autovacuum worker'
               and (a.datname = current_database() or a.datname is null)),
           (select coalesce(max(extract(epoch from clock_timestamp() - p.prepared)), 0) from pg_prepared_xacts p where p.database = current_database())),
         'dead_rows', (select coalesce(sum(t.n_dead_tup), 0) from pg_stat_user_tables t where t.schemaname = 'backstay'),
         'connections', (select coalesce(jsonb_object_agg(s.state, s.n), '{}')
                           from (select translate(coalesce(a.state, 'unknown'), ' ()', '_') as state, count(*) as n from pg_stat_activity a
                                  where a.datname = current_database() group by 1) s))::text
