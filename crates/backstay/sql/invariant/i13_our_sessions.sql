-- No session of ours stands idle in a transaction for more than five seconds.
-- sort: defect                         role: viewer with pg_monitor, since others' sessions show nothing to anybody else
select a.pid::text as subject, format('`%s` is %s since %s', a.application_name, a.state, a.state_change) as detail
  from pg_stat_activity a
 where a.datname = current_database() and a.application_name like 'backstay %'
   and a.state like 'idle in transaction%' and a.state_change < statement_timestamp() - interval '5 s'
 limit 101
