-- The job, and the four places where an unfinished one may stand.
-- phase: pre

-- One sequence gives job ids and entry numbers: a new job enters the line under its own id.
create sequence backstay.entry_seq as bigint cache 1;
-- Raised by whoever puts a row back at an old number: workers then look once below their low marks.
create sequence backstay.lowered_seq as bigint;
-- Holds the millisecond of the last NOTIFY, so that all sessions together send at most one per 25 ms.
create sequence backstay.gate_seq as bigint minvalue 0 start 0;
-- Second number of a worker's session advisory lock.
create sequence backstay.presence_seq as int cycle;

-- What was asked for. Written once; a job's place, attempt and counters stand elsewhere.
create table backstay.job (
  id            bigint primary key,
  enqueued_at   timestamptz not null,
  args_version  int not null default 1,
  priority      smallint not null,
  max_retries   smallint not null,
  crash_limit   smallint not null default 3,
  lost_limit    smallint not null default 3,
  weight        smallint not null default 1,
  revived_count smallint not null default 0,
  gated         boolean not null default false,   -- passes admission before it stands in line
  followed      boolean not null default false,   -- somebody waits for its end
  want_result   boolean not null default false,
  queue         text collate "C" not null,
  kind          text collate "C" not null,
  enqueued_by   text collate "C" not null,        -- the login, for "its own jobs"
  args          jsonb not null,
  policy        jsonb,                            -- only what differs from the built-in retry policy
  timeout_ms    bigint,
  memory_bytes  bigint,
  expires_at    timestamptz,
  deadline_at   timestamptz,
  unique_hash   bytea,                            -- the row of unique_key that this job holds
  unique_label  text,                             -- the same key, for people
  group_key     text collate "C",
  limit_key     text collate "C",
  sequence_key  text collate "C",
  limit_names   text[],
  batch_id      bigint,
  schedule      text collate "C",
  cron_tick     timestamptz,
  tags          text[],
  meta          jsonb,
  trace         text
);
-- A job without the property pays nothing for its index.
create index job_group on backstay.job (group_key, id) where group_key is not null;
create index job_batch on backstay.job (batch_id) where batch_id is not null;
create index job_sequence on backstay.job (sequence_key, id) where sequence_key is not null;
create index job_tags on backstay.job using gin (tags) where tags is not null;
create index job_expires on backstay.job (expires_at) where expires_at is not null;

-- What a call of enqueue comes to: its options read once, and the elements that share them. Never stored.
create type backstay.shape as (
  kind         text,
  queue        text,
  priority     smallint,
  max_retries  smallint,
  policy       jsonb,
  timeout_ms   bigint,
  memory_bytes bigint,
  run_at       timestamptz,      -- null: now
  expires_at   timestamptz,
  group_key    text,
  group_by     text[],
  limit_key    text,
  limit_by     text[],
  tags         text[],
  meta         jsonb,
  trace        text,
  notify       boolean,
  args_max     int,
  unique_key   text,
  unique_by    text[],
  unique_args  boolean,
  until        text,
  period_ms    bigint,
  on_conflict  text,
  once_key     text,             -- the idempotency key
  keyed        boolean,
  numbers      int[],            -- the element's number in the call; null in a call for one job
  args         jsonb[],
  ids          bigint[],         -- null where an element gave way to an earlier job
  holders      bigint[],         -- the earlier job, where an element gave way
  hashes       bytea[],
  labels       text[],
  once         bytea[],
  once_args    bytea[],
  group_keys   text[],
  limit_keys   text[]
);

-- In line: may be claimed now. The primary key is exactly the order of the claim.
create table backstay.ready (
  seq             bigint not null,
  job_id          bigint not null,
  ready_at        timestamptz not null,
  memory_mib      int not null default 0,          -- 0: what is usual in the queue
  attempt         int not null default 0,
  retry_count     smallint not null default 0,
  crash_count     smallint not null default 0,
  lost_count      smallint not null default 0,
  snooze_count    smallint not null default 0,
  interrupt_count smallint not null default 0,
  priority        smallint not null,
  queue           text collate "C" not null,
  kind            text collate "C" not null,
  group_key       text collate "C",                -- set in fair queues only
  primary key (queue, priority, seq)
);
-- A job in its first entry is found by its id as `seq`; only later entries need an index of their own.
create index ready_again on backstay.ready (job_id) where seq <> job_id;
create index ready_group on backstay.ready (queue, priority, group_key, seq) where group_key is not null;

-- Not due yet: enqueued for later, backing off, snoozed, released for later.
create table backstay.scheduled (
  run_at          timestamptz not null,
  job_id          bigint not null unique,
  memory_mib      int not null default 0,
  attempt         int not null default 0,
  retry_count     smallint not null default 0,
  crash_count     smallint not null default 0,
  lost_count      smallint not null default 0,
  snooze_count    smallint not null default 0,
  interrupt_count smallint not null default 0,
  priority        smallint not null,
  queue           text collate "C" not null,
  kind            text collate "C" not null,
  why             text collate "C" not null check (why in ('scheduled', 'backing_off', 'snoozed', 'released')),
  primary key (run_at, job_id)
);

-- Due, but held back for a named reason, outside the line, so that it stands before nobody.
create table backstay.parked (
  job_id          bigint primary key,
  seq             bigint not null,
  ready_at        timestamptz not null,
  since           timestamptz not null,
  memory_mib      int not null default 0,
  attempt         int not null default 0,
  retry_count     smallint not null default 0,
  crash_count     smallint not null default 0,
  lost_count      smallint not null default 0,
  snooze_count    smallint not null default 0,
  interrupt_count smallint not null default 0,
  priority        smallint not null,
  queue           text collate "C" not null,
  kind            text collate "C" not null,
  reason          text collate "C" not null,
  subject         text collate "C" not null
);
create index parked_subject on backstay.parked (reason, subject, priority, seq);

-- Claimed by a worker. No index on `worker`: it is searched only when a worker has died, and every job would pay.
create table backstay.running (
  job_id          bigint primary key,
  seq             bigint not null,
  ready_at        timestamptz not null,
  claimed_at      timestamptz not null,
  deadline_at     timestamptz not null,            -- the net for a worker that beats but has lost its grip
  worker          uuid not null,
  memory_mib      int not null default 0,
  attempt         int not null,
  retry_count     smallint not null,
  crash_count     smallint not null,
  lost_count      smallint not null,
  snooze_count    smallint not null,
  interrupt_count smallint not null,
  priority        smallint not null,
  held            boolean not null default false,
  queue           text collate "C" not null,
  kind            text collate "C" not null,
  group_key       text collate "C",
  cancel          jsonb
);
create index running_group on backstay.running (queue, group_key) where group_key is not null;
create index running_cancel on backstay.running (worker) where cancel is not null;

-- Who holds a key: one row, owned by one job, so that nothing in a job's own life can collide with it.
create table backstay.unique_key (
  hash       bytea primary key check (length(hash) = 32),
  job_id     bigint not null,
  expires_at timestamptz,
  until      text collate "C" not null check (until in ('finished', 'started', 'period')),
  args_hash  bytea                                 -- idempotency keys: a repeat must mean the same job
);
create index unique_key_started on backstay.unique_key (job_id) where until = 'started';
create index unique_key_expires on backstay.unique_key (expires_at) where expires_at is not null;

-- Rows come and go and are never updated: vacuum early, and never take the lock that cuts off a table's tail.
alter table backstay.ready set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, vacuum_truncate = off);
alter table backstay.running set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, vacuum_truncate = off);
alter table backstay.scheduled set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, vacuum_truncate = off);
alter table backstay.parked set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, vacuum_truncate = off);
alter table backstay.unique_key set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
alter table backstay.job set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, vacuum_truncate = off);
