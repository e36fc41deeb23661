-- Fills an empty installation, as the owner of the schema: jobs that ended within the last eight days, and jobs in line, over 20 queues and
-- 100 kinds. psql -v history=10000000 -v waiting=1000000 -f fill.sql
set synchronous_commit = off;
do $$
declare
  day date;
  parent text;
begin
  foreach parent in array array['history', 'history_body', 'attempt'] loop
    for day in select (statement_timestamp() at time zone 'UTC')::date - g from generate_series(1, 8) g loop
      execute format('create table if not exists backstay.%I partition of backstay.%I for values from (%L) to (%L)',
                     parent || to_char(day, '_YYYYMMDD'), parent, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
    end loop;
  end loop;
end $$;
insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, attempt, retry_count, crash_count, lost_count,
                              snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
select n, at - interval '2 s', at - interval '2 s', at - interval '1 s', at, 900, 1, 0, 0, 0, 0, 0, 0, 3, 4,
       case when n % 50 = 0 then 'cancelled' else 'completed' end, 'q' || n % 20, 'kind' || n % 100, 'app'
  from (select n, date_trunc('day', now(), 'UTC') - interval '8 days' + n * (interval '8 days' / :history) as at
          from generate_series(1, :history - 1) n) x;
insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
select :history + n, now(), n % 10, 3, 'q' || n % 20, 'kind' || n % 100, 'app', jsonb_build_object('n', n, 'text', repeat('x', 80))
  from generate_series(1, :waiting) n;
insert into backstay.ready (seq, job_id, ready_at, priority, queue, kind)
select j.id, j.id, j.enqueued_at, j.priority, j.queue, j.kind from backstay.job j where j.id > :history;
select setval('backstay.entry_seq', :history + :waiting);
vacuum analyze;
