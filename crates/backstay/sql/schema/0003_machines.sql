-- Workers, queues, alerts, and what operators did.
-- phase: pre

-- One row: what holds for this database as a whole.
create table backstay.installation (
  one            boolean primary key default true check (one),
  created_at     timestamptz not null default now(),
  args_bytes_max int not null default 262144,
  strict_kinds   boolean not null default false,
  environment    text
);
insert into backstay.installation default values;

-- A worker is a fresh uuid per process. No index on the times, so that every beat stays in its page.
create table backstay.worker (
  id          uuid primary key,
  beat_at     timestamptz not null,
  lease_until timestamptz not null,
  started_at  timestamptz not null,
  presence    int,                                 -- second number of its session advisory lock; null: lease only
  pid         int not null,
  slots       int not null,
  host        text not null,
  release     text not null,
  level       text not null,
  queues      text[] not null,
  kinds       jsonb not null,                      -- kind: highest version of its args
  samples     jsonb not null default '[]',
  goodbye_at  timestamptz,
  lost_at     timestamptz,
  drain_at    timestamptz
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200);

create table backstay.queue (
  name     text collate "C" primary key,
  settings jsonb not null,
  hash     text not null,
  set_at   timestamptz not null
);

-- What a job of this kind gets, whichever door it comes through.
create table backstay.kind (
  name      text collate "C" primary key,
  contract  jsonb not null,
  sensitive text[] not null default '{}',
  hash      text not null,
  set_at    timestamptz not null
);

create table backstay.pause (
  scope  text collate "C" not null check (scope in ('queue', 'kind')),
  name   text collate "C" not null,
  since  timestamptz not null,
  until  timestamptz,
  by     text not null,
  reason text,
  primary key (scope, name)
);

-- The outbox: a row is born in the statement of its cause, and told from here.
create table backstay.alert (
  id          bigint generated always as identity primary key,
  raised_at   timestamptz not null,
  job_id      bigint,
  message_id  bigint,                              -- null: not folded yet; 0: folded, nothing was due
  attempt     int,
  rule        text collate "C" not null,
  subject     text collate "C" not null,
  kind        text collate "C",
  queue       text collate "C",
  reason      text,
  fingerprint text collate "C",
  detail      jsonb
);
create index alert_new on backstay.alert (id) where message_id is null;
create index alert_job on backstay.alert (job_id) where job_id is not null;
-- How many of a kind died lately, which is asked with every death.
create index alert_deaths on backstay.alert (kind, raised_at) where rule = 'death';

-- What one channel gets: alerts folded by incident and minute.
create table backstay.message (
  id               bigint generated always as identity primary key,
  made_at          timestamptz not null,
  due_at           timestamptz not null,
  next_try_at      timestamptz not null,
  delivered_at     timestamptz,
  undeliverable_at timestamptz,
  count            int not null,
  tries            int not null default 0,
  rule             text collate "C" not null,
  subject          text collate "C" not null,
  channel          text collate "C" not null,
  dedupe_key       text collate "C" not null,
  last_error       text,
  body             jsonb not null
);
create index message_due on backstay.message (next_try_at) where delivered_at is null and undeliverable_at is null;
create index message_incident on backstay.message (rule, subject, made_at desc);

-- A throttled revival of many dead letters.
create table backstay.replay (
  id          bigint generated always as identity primary key,
  started_at  timestamptz not null,
  next_at     timestamptz not null,
  done_at     timestamptz,
  total       int not null,
  first       int not null,
  next        int not null default 0,              -- how many of the ids were handled
  judged_from int not null default 0,              -- what was revived before a stop does not stop it again
  per_count   int,
  per_ms      bigint,
  stop_at     real not null,
  state       text collate "C" not null check (state in ('running', 'stopped', 'done')),
  by          text not null,
  reason      text,
  filter      jsonb not null
);
create table backstay.replay_job (
  replay_id  bigint not null references backstay.replay on delete cascade,
  n          int not null,
  job_id     bigint not null,
  revived_at timestamptz,
  skipped    text,
  primary key (replay_id, n)
);
create index replay_job_job on backstay.replay_job (job_id);

-- Who leads: it saves work, nothing depends on it.
create table backstay.leader (
  one    boolean primary key default true check (one),
  holder uuid,
  until  timestamptz not null default '-infinity',
  epoch  bigint not null default 0
);
insert into backstay.leader default values;

create table backstay.duty (
  name        text collate "C" primary key,
  last_ok_at  timestamptz not null,
  last_worker uuid not null,
  last_ms     int not null,
  note        text
);

-- Who did what, and why. Append only.
create table backstay.audit (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default clock_timestamp(),
  xid          bigint not null default txid_current(),
  affected     bigint not null,
  actor        text not null default session_user,
  session_role text not null default current_setting('role'),
  source       text not null default current_setting('application_name'),
  verb         text not null,
  target       text,
  reason       text,
  filter       jsonb,
  before       jsonb,
  after        jsonb
);
create index audit_target on backstay.audit (target, at);
