-- Who keeps the database from cleaning up: the oldest snapshot, prepared transaction or replication slot.
-- role: any login; sees other logins' sessions with pg_read_all_stats only
with holders as (
  -- A standby with `hot_standby_feedback` shows as what sends to it; the query stands there.
  select case when a.backend_type = 'walsender' then 'standby' else 'session' end as sort, a.pid::text as name,
         coalesce(nullif(a.application_name, ''), a.usename::text, a.backend_type) as who, a.state, left(regexp_replace(a.query, '\s+', ' ', 'g'), 80) as query,
         age(coalesce(a.backend_xmin, a.backend_xid)) as xids, extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.query_start)) as seconds
    from pg_stat_activity a
   where coalesce(a.backend_xmin, a.backend_xid) is not null and a.pid <> pg_backend_pid() and a.backend_type <> 'autovacuum worker'
     and (a.datname = current_database() or a.datname is null)
  union all
  select 'prepared', p.gid, p.owner::text, 'prepared', null, age(p.transaction), extract(epoch from clock_timestamp() - p.prepared)
    from pg_prepared_xacts p where p.database = current_database()
  union all
  select 'slot', s.slot_name::text, coalesce(s.plugin, s.slot_type)::text, case when s.active then 'active' else 'inactive' end, null,
         age(coalesce(s.xmin, s.catalog_xmin)), null
    from pg_replication_slots s where s.xmin is not null)
select jsonb_build_object('sort', h.sort, 'name', h.name, 'who', h.who, 'state', h.state,
                          'query', nullif(nullif(h.query, ''), '<insufficient privilege>'), 'xids', h.xids, 'seconds', h.seconds::bigint)::text
  from holders h order by coalesce(h.seconds, case when h.xids > 1000000 then 3600 else 0 end) desc limit 1
