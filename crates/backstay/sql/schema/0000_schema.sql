-- The schema itself, and what is installed in it.
-- phase: pre

create schema backstay;

create table backstay.migration (
  version int primary key,
  name    text not null,
  phase   text not null check (phase in ('pre', 'post')),
  hash    text not null,
  at      timestamptz not null default clock_timestamp()
);

-- The functions and views as they were installed last: a file whose hash differs is installed again.
create table backstay.body (
  file text primary key,
  hash text not null,
  at   timestamptz not null default clock_timestamp()
);
