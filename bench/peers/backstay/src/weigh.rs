//! Fills the tables with jobs of the past and of the future, as SQL, since running them would take hours.

use bench_adapter::Failure;
use tokio_postgres::Client;

/// A day of its own for each of the last six: the worker drops those that are past their keep of seven.
const DAYS: &str = "
do $$
declare
  day text;
begin
  for n in -6..-1 loop
    day := to_char(current_date + n, 'YYYYMMDD');
    execute format('create table backstay.history_%s partition of backstay.history for values from (%L) to (%L)', day,
                   (current_date + n)::timestamp at time zone 'UTC', (current_date + n + 1)::timestamp at time zone 'UTC');
  end loop;
end
$$";
const ENDED: &str = "
insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, attempt, retry_count, crash_count,
       lost_count, snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by, worker)
select nextval('backstay.entry_seq'), e.at - interval '3 s', e.at - interval '3 s', e.at - interval '1 s', e.at, 900, 1, 0, 0, 0, 0,
       0, 0, 10, 5, 'completed', 'default', 'noop', 'app', '00000000-0000-0000-0000-000000000001'
  from (select (current_date::timestamp at time zone 'UTC') - (1 + n * 518398 / $1::bigint) * interval '1 s' as at
          from generate_series(0, $1::bigint - 1) n) e";
const SCHEDULED: &str = "
with made as (
  insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
  select nextval('backstay.entry_seq'), now(), 5, 10, 'default', 'noop', 'app', jsonb_build_object('n', n, 'text', $2::text)
    from generate_series(1, $1::bigint) n
  returning id)
insert into backstay.scheduled (run_at, job_id, priority, queue, kind, why)
select now() + interval '1 day' + id * interval '1 ms', id, 5, 'default', 'noop', 'scheduled' from made";
const PAUSED: &str = "
insert into backstay.pause (scope, name, since, by) values ('kind', 'held', now(), 'bench')";
const PARKED: &str = "
with made as (
  insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
  select nextval('backstay.entry_seq'), now(), 5, 10, 'default', 'held', 'app', jsonb_build_object('n', n, 'text', $2::text)
    from generate_series(1, $1::bigint) n
  returning id)
insert into backstay.parked (job_id, seq, ready_at, since, priority, queue, kind, reason, subject)
select id, id, now(), now(), 5, 'default', 'held', 'paused', 'held' from made";
const DEAD: &str = "
insert into backstay.dead_letter (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args, died_at, attempt,
       retry_count, crash_count, lost_count, snooze_count, interrupt_count, reason, fingerprint, title, errors)
select nextval('backstay.entry_seq'), now(), 5, 10, 'default', 'noop', 'app', jsonb_build_object('n', n, 'text', $2::text), now(), 11,
       10, 0, 0, 0, 0, 'retries_exhausted', 'bench' || n % 100, 'it does not work', '[]'
  from generate_series(1, $1::bigint) n";
const GROUPS: &str = "
insert into backstay.dead_group (fingerprint, kind, reason, title, first_at, last_at, count, sample, state)
select fingerprint, 'noop', 'retries_exhausted', 'it does not work', now(), now(), count(*), max(id), 'acknowledged'
  from backstay.dead_letter group by fingerprint";

/// So many that have ended, a tenth as many scheduled for tomorrow, a hundredth parked, and a hundredth dead.
pub(crate) async fn fill(client: &Client, ended: u64) -> Result<(), Failure> {
    let ended = i64::try_from(ended)?;
    client.batch_execute(DAYS).await?;
    client.execute(ENDED, &[&ended]).await?;
    client.execute(SCHEDULED, &[&(ended / 10), &bench_adapter::TEXT]).await?;
    client.batch_execute(PAUSED).await?;
    client.execute(PARKED, &[&(ended / 100), &bench_adapter::TEXT]).await?;
    client.execute(DEAD, &[&(ended / 100), &bench_adapter::TEXT]).await?;
    client.batch_execute(GROUPS).await?;
    Ok(())
}
