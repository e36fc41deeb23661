-- Schedules and their ticks.
-- phase: pre

-- What is to be enqueued again and again. Written by the sync of a worker's settings, or by hand.
create table backstay.schedule (
  name             text collate "C" primary key,
  set_at           timestamptz not null,
  counted_to       timestamptz not null,           -- ticks up to here are decided; the next follows from it
  look_at          timestamptz not null,           -- a worker looks then: at the next tick, or because it is not known yet
  next_at          timestamptz,                    -- the next tick; null where it is not known
  last_at          timestamptz,                    -- the newest tick that was decided
  unseen_since     timestamptz,                    -- no live worker declares it
  retired_at       timestamptz,                    -- for so long that it was stopped; the row stays
  missed_within_ms bigint not null,
  missed_max       int not null,
  line             text not null,
  zone             text not null,
  kind             text collate "C" not null,
  args             jsonb not null,
  options          jsonb not null,
  missed           text collate "C" not null check (missed in ('once', 'skip', 'all')),
  overlap          text collate "C" not null check (overlap in ('skip', 'queue', 'replace', 'allow')),
  origin           text collate "C" not null check (origin in ('file', 'database')),
  hash             text not null,
  set_by           text not null,
  error            text                            -- why its next tick is not known
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200);

-- A due moment of a schedule. That it has one row is what makes a tick come at most once, ever.
create table backstay.tick (
  schedule   text collate "C" not null,
  tick_at    timestamptz not null,
  decided_at timestamptz not null,
  job_id     bigint,
  outcome    text collate "C" not null check (outcome in ('enqueued', 'waiting', 'skipped', 'missed', 'refused')),
  cause      text collate "C" not null check (cause in ('tick', 'run', 'backfill')),
  note       text,
  primary key (schedule, tick_at)
);
create index tick_decided on backstay.tick (decided_at);
create index tick_waiting on backstay.tick (schedule, tick_at) where outcome = 'waiting';

-- Which worker's settings declare which schedule.
create table backstay.declared (
  schedule text collate "C" not null,
  worker   uuid not null,
  at       timestamptz not null,
  primary key (schedule, worker)
);
-- A job without a schedule pays nothing for this.
create index job_schedule on backstay.job (schedule, id) where schedule is not null;

alter table backstay.pause drop constraint pause_scope_check;
alter table backstay.pause add constraint pause_scope_check check (scope in ('queue', 'kind', 'schedule'));
