-- Silences the alerts of a group of dead letters until an instant.
-- role: operator
-- options: reason, and for_in or until_at
-- needs: inner/read_reason.sql inner/read_end.sql inner/mark_group.sql inner/record.sql inner/tally.sql inner/skip.sql
create or replace function backstay.mute(fingerprint text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, array['for_in', 'until_at']);
  till   timestamptz := backstay.read_end(options);
begin
  if till is null then
    perform backstay.refuse('BS102', 'mute needs an end', null, 'add {"for_in": "7d"} or "until_at"');
  elsif not backstay.mark_group(mute.fingerprint, 'muted', reason, till) then
    return backstay.tally(0, backstay.skip(mute.fingerprint, 'BS301'));
  end if;
  perform backstay.record('mute', mute.fingerprint, reason, 1, null, null, jsonb_build_object('until', till));
  return backstay.tally(1);
end
$$;
revoke all on function backstay.mute(text, jsonb) from public;
