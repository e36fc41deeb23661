-- Fills an empty installation, as the owner of the schema: jobs that ended within the last eight days, and jobs in line, over 20 queues and
-- 100 kinds, with all that pages show beside them. psql -v history=10000000 -v waiting=1000000 -f fill.sql
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
-- A tenth as many wait for later, are held, and are dead.
insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
select :history + :waiting + n, now(), 5, 3, 'q' || n % 20, 'kind' || n % 100, 'app', jsonb_build_object('n', n)
  from generate_series(1, :waiting / 5) n;
insert into backstay.scheduled (run_at, job_id, priority, queue, kind, why)
select now() + n * interval '1 s', :history + :waiting + n, 5, 'q' || n % 20, 'kind' || n % 100, 'scheduled' from generate_series(1, :waiting / 10) n;
insert into backstay.parked (job_id, seq, ready_at, since, priority, queue, kind, reason, subject)
select :history + :waiting + n, :history + :waiting + n, now(), now(), 5, 'q' || n % 20, 'kind' || n % 100, 'paused', 'kind' || n % 100
  from generate_series(:waiting / 10 + 1, :waiting / 5) n;
insert into backstay.dead_letter (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args, died_at, attempt, retry_count, crash_count,
                                  lost_count, snooze_count, interrupt_count, reason, fingerprint, title, errors)
select :history + 2 * :waiting + n, now(), 5, 3, 'q' || n % 20, 'kind' || n % 100, 'app', '{}', now() - n * interval '1 s', 4, 3, 0, 0, 0, 0, 'retries',
       md5((n % 100)::text), 'failed', '[]' from generate_series(1, :waiting / 10) n;
insert into backstay.dead_group (fingerprint, kind, reason, title, first_at, last_at, count, sample)
select d.fingerprint, min(d.kind), 'retries', 'failed', min(d.died_at), max(d.died_at), count(*), max(d.id) from backstay.dead_letter d group by 1;
-- What each dead letter tried, what was put aside, and what runs: 20 workers with ten jobs each.
insert into backstay.attempt (job_id, claimed_at, ended_at, attempt, wall_ms, outcome, billed, queue, kind, message, fingerprint)
select d.id, d.died_at - t * interval '1 min' - interval '1 s', d.died_at - t * interval '1 min', 5 - t, 900, 'failed', 'retry', d.queue, d.kind, 'no disk', d.fingerprint
  from backstay.dead_letter d cross join generate_series(1, 4) t;
update backstay.dead_letter set discarded_at = now() - interval '1 h', discarded_by = 'operator' where id % 10 = 0;
insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
select ('00000000-0000-7000-8000-' || to_char(n, 'fm000000000000'))::uuid, now(), now() + interval '1 day', now() - interval '1 day', n, 10, 'app-' || n, '1', 'rlimit',
       array['q' || n - 1], '{}' from generate_series(1, 20) n;
insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args)
select :history + 2 * :waiting + :waiting / 2 + n, now(), 5, 3, 'q' || n % 20, 'kind' || n % 100, 'app', '{}' from generate_series(1, 200) n;
insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, attempt, retry_count, crash_count, lost_count, snooze_count,
                              interrupt_count, priority, queue, kind)
select :history + 2 * :waiting + :waiting / 2 + n, n, now(), now(), now() + interval '1 h', ('00000000-0000-7000-8000-' || to_char(n % 20 + 1, 'fm000000000000'))::uuid,
       1, 0, 0, 0, 0, 0, 5, 'q' || n % 20, 'kind' || n % 100 from generate_series(1, 200) n;
-- What people did and were told in a month, and 50 schedules with a tick each half hour.
insert into backstay.audit (at, affected, verb, target, reason)
select now() - n * interval '26 s', 1, (array['pause', 'resume', 'revive', 'cancel'])[1 + n % 4], 'queue q' || n % 20, 'a release' from generate_series(100000, 1, -1) n;
insert into backstay.message (made_at, due_at, next_try_at, delivered_at, count, rule, subject, channel, dedupe_key, body)
select at, at, at, at, 1, 'queue_late', 'q' || n % 20, 'team', n::text, '{"title": "queue late"}'
  from (select n, now() - n * interval '26 s' as at from generate_series(100000, 1, -1) n) x;
insert into backstay.schedule (name, set_at, counted_to, look_at, next_at, last_at, missed_within_ms, missed_max, line, zone, kind, args, options,
                               missed, overlap, origin, hash, set_by)
select 'schedule' || n, now(), now(), now() + interval '1 day', now() + interval '1 day', now(), 86400000, 10, '*/30 * * * *', 'UTC', 'kind' || n, '{}', '{}',
       'once', 'skip', 'database', '', 'app' from generate_series(1, 50) n;
insert into backstay.tick (schedule, tick_at, decided_at, job_id, outcome, cause)
select 'schedule' || s, at, at, (s * 100000 + n)::bigint % :history + 1, 'enqueued', 'tick'
  from generate_series(1, 50) s cross join generate_series(1, 4320) n
 cross join lateral (select now() - n * interval '30 min' as at) x;
-- A day of figures by five minutes, and an hour by minute.
insert into backstay.figure
select s.step, date_bin(s.step * interval '1 min', now(), '2000-01-01') - g * s.step * interval '1 min', 'q' || n % 20, 'kind' || n,
       '00000000-0000-0000-0000-000000000000', 900, 890, 0, 1, 10, 0, 0, 9000, 90000, 9000, array_fill(20, array[24]), array_fill(20, array[30]), array_fill(20, array[14])
  from (values (1, 60), (5, 288)) s(step, points) cross join lateral generate_series(0, s.points) g cross join generate_series(0, 99) n;
select setval('backstay.entry_seq', :history + 3 * :waiting);
vacuum analyze;
