-- Notes a tick that makes no job now, unless it was decided before; whether it was noted.
-- needs: inner/clock.sql
create or replace function backstay.note_tick(schedule text, at timestamptz, outcome text, note text) returns boolean
language sql as $$
  with noted as (
    insert into backstay.tick (schedule, tick_at, decided_at, outcome, cause, note) values ($1, $2, backstay.clock(), $3, 'tick', $4)
    on conflict do nothing returning 1)
  select exists (select from noted)
$$;
revoke all on function backstay.note_tick(text, timestamptz, text, text) from public;
