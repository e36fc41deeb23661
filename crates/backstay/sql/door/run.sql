-- Makes a job of a schedule now, whatever its line, its pause and its policy of overlap say. Answers count, skipped and job (its id).
-- role: operator
-- options: reason
-- needs: inner/known_schedule.sql inner/read_reason.sql inner/fire.sql inner/record.sql inner/tally.sql inner/refuse.sql inner/clock.sql
create or replace function backstay.run(schedule text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
  s      backstay.schedule := backstay.known_schedule(run.schedule);
  t      backstay.tick;
begin
  if s.retired_at is not null then
    perform backstay.refuse('BS302', format('schedule "%s" is retired: no live worker declares it', s.name), s.name, 'declare it again, or enqueue the job by hand');
  end if;
  -- Its own instant, so that no tick of the line is taken from it.
  for n in 1 .. 999 loop
    t := backstay.fire(s, date_trunc('milliseconds', backstay.clock()) + n * interval '1 microsecond', 'run');
    exit when t.schedule is not null;
  end loop;
  if t.job_id is null then
    perform backstay.refuse(case when t.outcome = 'refused' then left(t.note, 5) else 'BS303' end, t.note, s.name);
  end if;
  perform backstay.record('run', 'schedule ' || s.name, reason, 1, null, null, jsonb_build_object('job', t.job_id));
  return backstay.tally(1) || jsonb_build_object('job', t.job_id::text);
end
$$;
revoke all on function backstay.run(text, jsonb) from public;
