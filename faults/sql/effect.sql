-- What handlers of a run do to the application's own data: a row for each attempt that says it is done, written in the
-- transaction in which it completes its job.
create table public.effect (
  job_id  bigint not null,
  attempt int not null,
  xid     bigint not null default txid_current()
)
