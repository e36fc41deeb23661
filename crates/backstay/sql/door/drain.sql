-- Tells a worker to claim nothing more, finish what it runs, and leave; it hears so with its next beat.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql inner/clock.sql
create or replace function backstay.drain(worker uuid, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
begin
  update backstay.worker w set drain_at = coalesce(w.drain_at, backstay.clock()) where w.id = drain.worker and w.goodbye_at is null;
  if not found then
    return backstay.tally(0, backstay.skip(drain.worker::text,
      case when exists (select from backstay.worker w where w.id = drain.worker) then 'BS302' else 'BS301' end));
  end if;
  perform backstay.record('drain', drain.worker::text, reason, 1);
  perform backstay.wake();
  return backstay.tally(1);
end
$$;
revoke all on function backstay.drain(uuid, jsonb) from public;
