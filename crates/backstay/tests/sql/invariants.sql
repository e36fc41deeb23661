-- Plants rows as a defect would leave them; gone with the transaction. What the statements ask of the server itself is
-- answered by the schema `planted`, which stands before pg_catalog.
create schema planted;

create function planted.body(id bigint) returns void language sql as $$
  insert into backstay.job (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args) values ($1, clock_timestamp(), 5, 10, 'q', 'k', 'me', '{}')
$$;
create function planted.line(id bigint, since interval default '0') returns void language sql as $$
  insert into backstay.ready (seq, job_id, ready_at, priority, queue, kind) values ($1, $1, clock_timestamp() + $2, 5, 'q', 'k')
$$;
create function planted.later(id bigint, due interval default '1 h') returns void language sql as $$
  insert into backstay.scheduled (run_at, job_id, priority, queue, kind, why) values (clock_timestamp() + $2, $1, 5, 'q', 'k', 'scheduled')
$$;
create function planted.parked(id bigint, reason text) returns void language sql as $$
  insert into backstay.parked (job_id, seq, ready_at, since, priority, queue, kind, reason, subject)
  values ($1, $1, clock_timestamp(), clock_timestamp() - interval '5 min', 5, 'q', 'k', $2, 'k')
$$;
create function planted.run(id bigint, since interval default '-1 min') returns void language sql as $$
  insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, priority, queue, kind)
  values ($1, $1, clock_timestamp() + $2, clock_timestamp() + $2, clock_timestamp() + interval '1 h', '00000000-0000-0000-0000-000000000001', 1, 0, 0, 0, 0, 0, 5, 'q', 'k')
$$;
create function planted.worker(since interval) returns void language sql as $$
  insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds)
  values ('00000000-0000-0000-0000-000000000001', clock_timestamp(), clock_timestamp() + interval '30 s', clock_timestamp() + $1, 1, 1, 'h', '', 'none', '{q}', '{"*": 1}')
$$;
create function planted.ended(id bigint, since interval) returns void language sql as $$
  insert into backstay.history (job_id, enqueued_at, claimed_at, finished_at, attempt, retry_count, crash_count, lost_count, snooze_count,
         interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by)
  values ($1, clock_timestamp() + $2, clock_timestamp() + $2, clock_timestamp(), 1, 0, 0, 0, 0, 0, 0, 10, 5, 'completed', 'q', 'k', 'me')
$$;
create function planted.dead(id bigint, attempt int) returns void language sql as $$
  insert into backstay.dead_letter (id, enqueued_at, priority, max_retries, queue, kind, enqueued_by, args, died_at, attempt, retry_count,
         crash_count, lost_count, snooze_count, interrupt_count, reason, fingerprint, title, errors)
  values ($1, clock_timestamp(), 5, 10, 'q', 'k', 'me', '{}', clock_timestamp(), $2, 0, 0, 0, 0, 0, 'failed', 'f', 't', '[]')
$$;
create function planted.alert(id bigint, attempt int) returns void language sql as $$
  insert into backstay.alert (raised_at, job_id, attempt, rule, subject) values (clock_timestamp(), $1, $2, 'death', 'f')
$$;
create function planted.message(id bigint, due interval) returns void language sql as $$
  insert into backstay.message (id, made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, body)
  overriding system value values ($1, clock_timestamp() + $2, clock_timestamp() + $2, clock_timestamp() + $2, 1, 'death', 'f', 'log', 'f', '{}')
$$;
create function planted.key(id bigint) returns void language sql as $$
  insert into backstay.unique_key (hash, job_id, until) values (sha256(convert_to($1::text, 'UTF8')), $1, 'finished')
$$;
create function planted.did(verb text, since interval, until interval default null) returns void language sql as $$
  insert into backstay.audit (at, affected, verb, target, after) values (clock_timestamp() + $2, 1, $1, 'queue q', jsonb_build_object('until', clock_timestamp() + $3))
$$;

create function planted.pg_postmaster_start_time() returns timestamptz language sql as $$ select clock_timestamp() - interval '1 h' $$;
create table planted.pg_stat_activity (pid int, datname text, application_name text, state text, state_change timestamptz);
create function planted.session(who text, state text, since interval) returns void language sql as $$
  insert into planted.pg_stat_activity values (4711, current_database(), $1, $2, clock_timestamp() + $3)
$$;
set local search_path = planted, pg_catalog;
