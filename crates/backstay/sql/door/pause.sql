-- Nothing of a queue, kind or schedule starts from now on; what runs goes on, unless told otherwise. When this has committed, no
-- older claim of the queue can: it takes the lock that every claim shares.
-- role: operator
-- options: reason for_in until_at cancel_running
-- locks: the queue's pause lock, exclusive
-- needs: inner/read_scope.sql inner/read_reason.sql inner/read_end.sql inner/read_flag.sql inner/record.sql inner/wake.sql inner/tally.sql inner/clock.sql inner/doer.sql
create or replace function backstay.pause(what text, name text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  reason  text := backstay.read_reason(pause.options, array['for_in', 'until_at', 'cancel_running']);
  till    timestamptz := backstay.read_end(pause.options);
  stop    boolean := backstay.read_flag('cancel_running', coalesce(nullif(pause.options -> 'cancel_running', 'null'), 'false'));
  subject text := backstay.read_scope(pause.what, pause.name);
  stopped bigint := 0;
begin
  if pause.what = 'queue' then
    perform pg_advisory_xact_lock(1112757341, hashtext(subject));
  end if;
  insert into backstay.pause as p (scope, name, since, until, by, reason)
  values (pause.what, subject, backstay.clock(), till, backstay.doer(), reason)
      on conflict (scope, name) do update set until = excluded.until, by = excluded.by, reason = excluded.reason;
  if stop then
    update backstay.running r
       set cancel = jsonb_build_object('by', session_user, 'reason', coalesce(reason, pause.what || ' paused by ' || session_user), 'at', backstay.clock())
     where r.cancel is null and case pause.what when 'queue' then r.queue when 'kind' then r.kind else (select j.schedule from backstay.job j where j.id = r.job_id) end = subject;
    get diagnostics stopped = row_count;
    perform backstay.wake();
  end if;
  perform backstay.record('pause', pause.what || ' ' || subject, reason, 1, null, null, jsonb_build_object('until', till, 'cancelling', stopped));
  return backstay.tally(1) || case when stop then jsonb_build_object('cancelling', stopped) else '{}' end;
end
$$;
revoke all on function backstay.pause(text, text, jsonb) from public;
