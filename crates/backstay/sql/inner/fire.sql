-- Makes the job of one tick and notes it: at most one, ever, for each instant of a schedule. A tick that was passed over
-- has no job and may get one from a back-fill. What the door of enqueues refuses is noted and harms no other tick.
-- The caller holds the lock of the schedule's row.
-- needs: door/enqueue.sql inner/clock.sql
create or replace function backstay.fire(s backstay.schedule, at timestamptz, why text) returns backstay.tick
language plpgsql as $$
declare
  t    backstay.tick;
  made record;
begin
  insert into backstay.tick (schedule, tick_at, decided_at, outcome, cause)
  values (s.name, at, backstay.clock(), 'enqueued', why)
      on conflict (schedule, tick_at) do update set decided_at = excluded.decided_at, outcome = 'enqueued', note = null,
         cause = case when tick.outcome = 'waiting' then tick.cause else excluded.cause end
   where tick.job_id is null
  returning * into t;
  if t.schedule is null then
    return null;
  end if;
  begin
    select e.id, e.created into made from backstay.enqueue(s.kind, s.args, s.options) e;
    if made.created then
      update backstay.job j set schedule = s.name, cron_tick = at where j.id = made.id;
      t.job_id := made.id;
    else
      t.outcome := 'skipped';
      t.note := format('job %s holds its unique key', made.id);
    end if;
  exception when others then
    if sqlstate !~ '^(BS|22|23)' then
      raise;
    end if;
    t.outcome := 'refused';
    t.note := left(sqlstate || ' ' || sqlerrm, 500);
  end;
  update backstay.tick k set job_id = t.job_id, outcome = t.outcome, note = t.note where k.schedule = s.name and k.tick_at = at;
  return t;
end
$$;
revoke all on function backstay.fire(backstay.schedule, timestamptz, text) from public;
