-- Tells sleeping workers to look now: at most one NOTIFY per 5 ms over all sessions, without a row or a lock.
create or replace function backstay.wake() returns void
language plpgsql as $$
declare
  last_ms bigint := coalesce(pg_sequence_last_value('backstay.gate_seq'), 0);     -- as an expression: no query for it
  now_ms  bigint := extract(epoch from clock_timestamp()) * 1000;
begin
  if abs(now_ms - last_ms) >= 5 then
    perform setval('backstay.gate_seq', now_ms);
    perform pg_notify('backstay', '');
  end if;
end
$$;
revoke all on function backstay.wake() from public;
