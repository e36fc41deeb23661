-- What the scripts of this folder share; gone with the session. Each script runs after this one, on an installed schema.
create function pg_temp.refused(statement text, code text, part text default '') returns void language plpgsql as $$
declare
  value  text;
  advice text;
begin
  begin
    execute statement;
  exception when others then
    get stacked diagnostics value = pg_exception_detail, advice = pg_exception_hint;
    if sqlstate = code and position(part in sqlerrm || ' | ' || value || ' | ' || advice) > 0 then
      return;
    end if;
    raise exception '% was refused as % % | % | %, not as % with "%"', statement, sqlstate, sqlerrm, value, advice, code, part;
  end;
  raise exception '% was not refused', statement;
end
$$;

create function pg_temp.same(got anyelement, wanted anyelement, what text) returns void language plpgsql as $$
begin
  if got is distinct from wanted then
    raise exception '%: got %, wanted %', what, got, wanted;
  end if;
end
$$;

create function pg_temp.worker() returns uuid language sql as $$ select '018f6f1e-7d2c-7000-8000-000000000001'::uuid $$;

-- Where a job stands, with attempt, retry_count and priority; `nobody` if it is no job any more.
create function pg_temp.place(job_id bigint) returns text language plpgsql volatile as $$
begin
  return coalesce((select string_agg(format('%s %s %s %s', s.place, s.attempt, s.retry_count, s.priority), ', ') from backstay.standing s where s.job_id = $1), 'nobody');
end
$$;

-- What a claim, a failure and a death do to one job, without a worker.
create function pg_temp.claim(job_id bigint) returns int language plpgsql as $$
declare
  spot backstay.standing := backstay.lift(job_id);
begin
  insert into backstay.running (job_id, seq, ready_at, claimed_at, deadline_at, worker, attempt, retry_count, crash_count, lost_count, snooze_count,
                                interrupt_count, priority, queue, kind)
  values (spot.job_id, coalesce(spot.seq, spot.job_id), coalesce(spot.ready_at, now()), now(), now() + interval '1 h', pg_temp.worker(), spot.attempt + 1,
          spot.retry_count, spot.crash_count, spot.lost_count, spot.snooze_count, spot.interrupt_count, spot.priority, spot.queue, spot.kind);
  return spot.attempt + 1;
end
$$;

create function pg_temp.fail(job_id bigint) returns void language sql as $$
  with gone as (delete from backstay.running r where r.job_id = $1 returning r.*),
  noted as (
    insert into backstay.attempt (job_id, claimed_at, ended_at, attempt, outcome, billed, queue, kind, worker, message, fingerprint)
    select g.job_id, g.claimed_at, now(), g.attempt, 'failed', 'retry', g.queue, g.kind, g.worker, 'boom', 'aabbccdd' from gone g)
  insert into backstay.scheduled (run_at, job_id, attempt, retry_count, priority, queue, kind, why)
  select now() + interval '1 h', g.job_id, g.attempt, g.retry_count + 1, g.priority, g.queue, g.kind, 'backing_off' from gone g
$$;

create function pg_temp.die(job_id bigint) returns void language sql as $$
  with gone as (delete from backstay.running r where r.job_id = $1 returning r.*),
  body as (delete from backstay.job j where j.id = $1 returning j.*),
  key as (delete from backstay.unique_key k using body b where k.hash = b.unique_hash and k.job_id = b.id)
  insert into backstay.dead_letter (id, enqueued_at, priority, max_retries, revived_count, queue, kind, enqueued_by, args, expires_at, memory_bytes,
         unique_hash, unique_label, died_at, attempt, retry_count, crash_count, lost_count, snooze_count, interrupt_count, reason, fingerprint, title, errors)
  select b.id, b.enqueued_at, b.priority, b.max_retries, b.revived_count, b.queue, b.kind, b.enqueued_by, b.args, b.expires_at, b.memory_bytes,
         b.unique_hash, b.unique_label, now(), g.attempt, g.retry_count, 0, 0, 3, 2, 'failed', 'aabbccdd', 'boom',
         jsonb_build_array(jsonb_build_object('attempt', g.attempt, 'outcome', 'failed', 'message', 'boom'))
    from gone g cross join body b
$$;
