-- How much memory attempts had at their most, by kind and day, for a limit that fits.
-- phase: pre

-- 24 buckets: below 1 MiB, below 1.5 MiB, and so on, each bound 1.5 times the one before; the last is open.
create table backstay.peak (
  kind      text collate "C" not null,
  day       date not null,
  bucket    smallint not null check (bucket between 0 and 23),
  count     bigint not null,
  limit_kib int,                                   -- what the newest of them might use
  primary key (kind, day, bucket)
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200);

-- One row: what ended until then is counted.
create table backstay.peak_mark (
  one   boolean primary key default true check (one),
  until timestamptz not null default '-infinity'
);
insert into backstay.peak_mark default values;

-- What ended lately is looked for every minute; `history` has such an index from its beginning.
create index attempt_ended on backstay.attempt using brin (ended_at);
