-- Everything that operations change, a line for each fact, as `machine/model.rs` writes it.
select coalesce(array_agg(line order by line collate "C"), '{}') as lines from (
  select format('%s ready %s p%s m%s a%s %s at %s', job_id, kind, priority, memory_mib, attempt,
                concat_ws('/', retry_count, crash_count, lost_count, snooze_count, interrupt_count), pg_temp.at(ready_at)) as line
    from backstay.ready
  union all
  select format('%s parked %s p%s m%s a%s %s at %s %s', job_id, kind, priority, memory_mib, attempt,
                concat_ws('/', retry_count, crash_count, lost_count, snooze_count, interrupt_count), pg_temp.at(ready_at), reason)
    from backstay.parked
  union all
  select format('%s scheduled %s p%s m%s a%s %s at %s %s', job_id, kind, priority, memory_mib, attempt,
                concat_ws('/', retry_count, crash_count, lost_count, snooze_count, interrupt_count), pg_temp.at(run_at), why)
    from backstay.scheduled
  union all
  select format('%s running %s p%s m%s a%s %s at %s by %s since %s%s', job_id, kind, priority, memory_mib, attempt,
                concat_ws('/', retry_count, crash_count, lost_count, snooze_count, interrupt_count), pg_temp.at(ready_at),
                right(worker::text, 1), pg_temp.at(claimed_at), case when cancel is not null then ' cancel' end)
    from backstay.running
  union all
  select format('%s dead %s p%s v%s max %s revived %s%s%s a%s %s %s %s%s', id, kind, priority, args ->> 'v', max_retries, revived_count,
                ' expires ' || pg_temp.at(expires_at), ' key ' || pg_temp.name(unique_hash), attempt,
                concat_ws('/', retry_count, crash_count, lost_count, snooze_count, interrupt_count), reason,
                jsonb_array_length(errors), ' discarded ' || pg_temp.at(discarded_at))
    from backstay.dead_letter
  union all
  select format('%s %s %s a%s %s%s', job_id, state, kind, attempt,
                concat_ws('/', retry_count, crash_count, lost_count, snooze_count, interrupt_count), ' ' || reason)
    from backstay.history
  union all
  select format('%s kept v%s', job_id, args ->> 'v') from backstay.history_body
  union all
  select format('%s body %s p%s v%s max %s revived %s%s%s', id, kind, priority, args ->> 'v', max_retries, revived_count,
                ' expires ' || pg_temp.at(expires_at), ' key ' || pg_temp.name(unique_hash))
    from backstay.job
  union all
  select format('%s noted a%s %s', job_id, attempt, billed) from backstay.attempt
  union all
  select format('%s told a%s', job_id, attempt) from backstay.alert where rule = 'death'
  union all
  select format('%s checkpoint a%s', job_id, attempt) from backstay.checkpoint
  union all
  select format('key %s of %s until %s%s', pg_temp.name(hash), job_id, until, ' ' || pg_temp.at(expires_at)) from backstay.unique_key
  union all
  select format('pause %s %s%s', scope, name, ' ' || pg_temp.at(until)) from backstay.pause
  union all
  select format('audits %s', count(*)) from backstay.audit
  union all
  select 'line ' || coalesce(string_agg(job_id::text, ' ' order by seq), '') from (
    select job_id, seq from backstay.ready union all select job_id, seq from backstay.parked
    union all select job_id, seq from backstay.running) s) all_lines
