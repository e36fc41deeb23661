-- Ends the pause of a queue or kind.
-- role: operator
-- options: reason
-- needs: inner/read_scope.sql inner/read_reason.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql
create or replace function backstay.resume(what text, name text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason  text := backstay.read_reason(options, '{}');
  subject text := backstay.read_scope(what, name);
begin
  delete from backstay.pause p where p.scope = what and p.name = subject;
  if not found then
    return backstay.tally(0, backstay.skip(subject, 'BS301'));
  end if;
  perform backstay.record('resume', what || ' ' || subject, reason, 1);
  perform backstay.wake();
  return backstay.tally(1);
end
$$;
revoke all on function backstay.resume(text, text, jsonb) from public;
