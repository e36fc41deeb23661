-- What attempts came to, what has ended, and what a running attempt leaves behind.
-- phase: pre

-- A job that completed or was cancelled: one line, in partitions by day, so that pruning drops and never deletes.
create table backstay.history (
  job_id          bigint not null,
  enqueued_at     timestamptz not null,
  ready_at        timestamptz,
  claimed_at      timestamptz,
  finished_at     timestamptz not null,
  wall_ms         int,
  cpu_ms          int,
  peak_kib        int,
  terms_no        int,                             -- the limits in force, by number
  attempt         int not null,
  retry_count     smallint not null,
  crash_count     smallint not null,
  lost_count      smallint not null,
  snooze_count    smallint not null,
  interrupt_count smallint not null,
  revived_count   smallint not null,
  max_retries     smallint not null,
  priority        smallint not null,
  state           text collate "C" not null check (state in ('completed', 'cancelled')),
  queue           text collate "C" not null,
  kind            text collate "C" not null,
  enqueued_by     text collate "C" not null,
  worker          uuid,
  reason          text,
  group_key       text collate "C",
  unique_hash     bytea,
  unique_label    text,
  tags            text[],
  release         text,
  schedule        text collate "C"
) partition by range (finished_at);
create index history_job on backstay.history (job_id);
create index history_kind on backstay.history (kind, finished_at);
create index history_finished on backstay.history using brin (finished_at);
create index history_group on backstay.history (group_key, finished_at) where group_key is not null;
create index history_tags on backstay.history using gin (tags) where tags is not null;

-- What it carried and gave, kept for a shorter time than the line above.
create table backstay.history_body (
  job_id      bigint not null,
  finished_at timestamptz not null,
  args        jsonb,
  output      jsonb,
  meta        jsonb,
  trace       text
) partition by range (finished_at);
create index history_body_job on backstay.history_body (job_id);

-- Every attempt that did not complete, with its evidence and its cost.
create table backstay.attempt (
  job_id         bigint not null,
  claimed_at     timestamptz,
  ended_at       timestamptz not null,
  scratch_bytes  bigint,
  output_bytes   bigint,
  attempt        int not null,
  signal         int,
  exit_code      int,
  wall_ms        int,
  cpu_ms         int,
  peak_kib       int,
  processes_peak int,
  terms_no       int,
  late           boolean not null default false,   -- its result came after it was told to stop
  survivor       boolean not null default false,   -- it could not be ended
  suspect        boolean not null default false,
  outcome        text collate "C" not null,
  billed         text collate "C" not null,        -- retry, crash, lost, snooze, interrupt or nothing
  queue          text collate "C" not null,
  kind           text collate "C" not null,
  worker         uuid,
  error_class    text,
  message        text,
  trace          text,
  fingerprint    text collate "C",
  peak_source    text,
  stderr         text,
  release        text,
  child          jsonb
) partition by range (ended_at);
create index attempt_job on backstay.attempt (job_id);
create index attempt_kind on backstay.attempt (kind, ended_at);
create index attempt_fingerprint on backstay.attempt (fingerprint, ended_at) where fingerprint is not null;

-- A day without a partition of its own lands here; the duty makes days ahead, so this stays empty.
create table backstay.history_default partition of backstay.history default;
create table backstay.history_body_default partition of backstay.history_body default;
create table backstay.attempt_default partition of backstay.attempt default;

-- Jobs that are dead: the whole job, its errors and its reason. Nothing deletes them by itself.
create table backstay.dead_letter (
  like backstay.job including defaults,
  primary key (id),
  died_at         timestamptz not null,
  attempt         int not null,
  retry_count     smallint not null,
  crash_count     smallint not null,
  lost_count      smallint not null,
  snooze_count    smallint not null,
  interrupt_count smallint not null,
  reason          text collate "C" not null,
  fingerprint     text collate "C" not null,
  title           text not null,                   -- the first line of what went wrong, blanked of what varies
  worker          uuid,
  errors          jsonb not null,                  -- the last 20 attempts, copied: attempts are pruned, dead letters are not
  discarded_at    timestamptz,
  discarded_by    text
);
create index dead_letter_died on backstay.dead_letter (died_at desc, id);
create index dead_letter_group on backstay.dead_letter (fingerprint, died_at);
create index dead_letter_kind on backstay.dead_letter (kind, died_at);
create index dead_letter_discarded on backstay.dead_letter (discarded_at) where discarded_at is not null;

-- Which dead letters are the same trouble. Folded by the alert duty; a death itself never touches it.
create table backstay.dead_group (
  fingerprint text collate "C" primary key,
  kind        text collate "C" not null,
  reason      text collate "C" not null,
  title       text not null,
  first_at    timestamptz not null,
  last_at     timestamptz not null,
  count       bigint not null,
  sample      bigint not null,                     -- the newest job of it
  releases    text[] not null default '{}',
  state       text collate "C" not null default 'open' check (state in ('open', 'acknowledged', 'muted', 'empty')),
  by          text,
  note        text,
  until       timestamptz
);

create table backstay.progress (
  job_id  bigint primary key,
  at      timestamptz not null,
  attempt int not null,
  percent real,
  note    text
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200);

create table backstay.checkpoint (
  job_id  bigint primary key,
  at      timestamptz not null,
  attempt int not null,
  value   jsonb not null
);
