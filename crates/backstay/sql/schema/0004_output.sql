-- What jobs printed, and who looks at it.
-- phase: pre

-- Parts of what an attempt printed: all of those that did not complete, and whatever somebody followed. In partitions by
-- day, so that pruning drops and never deletes. Secrets are blanked before a line comes here.
create table backstay.output_log (
  job_id  bigint not null,
  at      timestamptz not null,                    -- when it was stored
  attempt int not null,
  part    int not null,                            -- counted from 1
  last    boolean not null,                        -- the attempt has ended, and this is the end of its output
  text    text not null                            -- a line each: when, stream, what was printed
) partition by range (at);
create index output_log_job on backstay.output_log (job_id, attempt, part);
create table backstay.output_log_default partition of backstay.output_log default;

-- Somebody looks at what a job prints; its worker stores that as long as the wish holds.
create table backstay.wish (
  job_id bigint primary key,
  until  timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200);
