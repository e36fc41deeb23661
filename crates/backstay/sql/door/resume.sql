-- Ends the pause of a queue, kind or schedule. The ticks that a schedule had meanwhile count as missed if `catch_up` is true,
-- else they are over.
-- role: operator
-- options: reason catch_up (of a schedule)
-- needs: inner/read_scope.sql inner/read_reason.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql inner/read_flag.sql inner/clock.sql
create or replace function backstay.resume(what text, name text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason  text := backstay.read_reason(options, case when what = 'schedule' then array['catch_up'] else '{}' end);
  caught  boolean := backstay.read_flag('catch_up', coalesce(nullif(options -> 'catch_up', 'null'), 'false'));
  subject text := backstay.read_scope(what, name);
begin
  delete from backstay.pause p where p.scope = what and p.name = subject;
  if not found then
    return backstay.tally(0, backstay.skip(subject, 'BS301'));
  end if;
  if what = 'schedule' then
    update backstay.schedule s
       set look_at = backstay.clock(), next_at = null, counted_to = case when caught then s.counted_to else greatest(s.counted_to, backstay.clock()) end
     where s.name = subject;
  end if;
  perform backstay.record('resume', what || ' ' || subject, reason, 1);
  perform backstay.wake();
  return backstay.tally(1);
end
$$;
revoke all on function backstay.resume(text, text, jsonb) from public;
