-- The limits under which attempts ran, each distinct set once.
-- phase: pre

create table backstay.terms (
  no      int generated always as identity primary key,
  hash    bytea not null unique check (length(hash) = 32),
  limits  jsonb not null,                          -- {"memory_bytes": 536870912, "processes": 256, ...}
  level   text not null,                           -- how much isolation the host granted
  holders jsonb not null                           -- {"memory": "cgroup", "cpu_priority": "nice"}
);
