-- Marks a group of dead letters as seen. The jobs stay as they are; a further death opens the group again.
-- role: operator
-- options: reason note
-- needs: inner/read_reason.sql inner/read_text.sql inner/mark_group.sql inner/record.sql inner/tally.sql inner/skip.sql
create or replace function backstay.acknowledge(fingerprint text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, array['note']);
  note   text := case when coalesce(options -> 'note', 'null') <> 'null' then backstay.read_text('note', options -> 'note', 1024) end;
begin
  if not backstay.mark_group(acknowledge.fingerprint, 'acknowledged', coalesce(note, reason), null) then
    return backstay.tally(0, backstay.skip(acknowledge.fingerprint, 'BS301'));
  end if;
  perform backstay.record('acknowledge', acknowledge.fingerprint, coalesce(reason, note), 1);
  return backstay.tally(1);
end
$$;
revoke all on function backstay.acknowledge(text, jsonb) from public;
