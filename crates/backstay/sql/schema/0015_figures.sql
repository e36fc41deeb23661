-- What workers counted and what stood where, by minute, by five minutes and by hour: what charts are drawn from.
-- phase: pre

-- A worker writes what it counted of a minute (step 0), always the whole of it, so that a repeat changes nothing. When the minute is
-- long over, it is added to the lines of all workers together (steps 1, 5 and 60, in minutes), whose worker is nobody.
create table backstay.figure (
  step      smallint not null check (step in (0, 1, 5, 60)),
  at        timestamptz not null,
  queue     text collate "C" not null,
  kind      text collate "C" not null,
  worker    uuid not null,
  started   bigint not null,
  completed bigint not null,
  cancelled bigint not null,
  dead      bigint not null,
  failed    bigint not null,                       -- attempts that ended badly, those of lost workers too
  lost      bigint not null,
  snoozed   bigint not null,
  wait_ms   bigint not null,
  run_ms    bigint not null,
  cpu_ms    bigint not null,
  waits     bigint[] not null,                     -- how often it was how long: below 1 ms, below 1.5 ms, and so on, 1.5 times each
  runs      bigint[] not null,
  peaks     bigint[] not null,                     -- the same for memory, from 1 MiB on; lists end where only zeros would follow
  primary key (step, at, queue, kind, worker)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- How many jobs stood where: of a minute the last count, of more the largest.
create table backstay.depth (
  step      smallint not null check (step in (1, 5, 60)),
  at        timestamptz not null,
  queue     text collate "C" not null,
  ready     bigint not null,
  scheduled bigint not null,
  parked    bigint not null,
  running   bigint not null,
  dead      bigint not null,
  oldest_ms bigint not null,                       -- how long the first in line had been due
  levels    bigint[] not null,                     -- those that were ready, by priority 0 to 9
  seen_at   timestamptz not null,
  primary key (step, at, queue)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
