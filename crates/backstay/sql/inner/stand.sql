-- Puts a job that was lifted, or has come back from the dead, into the waiting place that holds for it now: by `run_at`
-- scheduled if that lies ahead, else parked or ready. A null `seq` takes a fresh number: the tail of its level.
-- needs: inner/standing.sql inner/place.sql inner/clock.sql
create or replace function backstay.stand(spot backstay.standing) returns text
language plpgsql as $$
declare
  place text := backstay.place(spot.kind, spot.run_at);
begin
  if place <> 'scheduled' then
    spot.seq := coalesce(spot.seq, nextval('backstay.entry_seq'));
    spot.ready_at := coalesce(spot.ready_at, backstay.clock());
  end if;
  if place = 'scheduled' then
    insert into backstay.scheduled (job_id, run_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count, interrupt_count,
                                    priority, queue, kind, why)
    values (spot.job_id, spot.run_at, spot.memory_mib, spot.attempt, spot.retry_count, spot.crash_count, spot.lost_count, spot.snooze_count,
            spot.interrupt_count, spot.priority, spot.queue, spot.kind,
            case when spot.place = 'scheduled' then coalesce(spot.reason, 'scheduled') else 'scheduled' end);
  elsif place = 'parked' then
    insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
                                 interrupt_count, priority, queue, kind, reason, subject)
    values (spot.job_id, spot.seq, spot.ready_at, backstay.clock(), spot.memory_mib, spot.attempt, spot.retry_count, spot.crash_count,
            spot.lost_count, spot.snooze_count, spot.interrupt_count, spot.priority, spot.queue, spot.kind, 'paused', spot.kind);
  else
    insert into backstay.ready (seq, job_id, ready_at, memory_mib, attempt, retry_count, crash_count, lost_count, snooze_count,
                                interrupt_count, priority, queue, kind)
    values (spot.seq, spot.job_id, spot.ready_at, spot.memory_mib, spot.attempt, spot.retry_count, spot.crash_count, spot.lost_count,
            spot.snooze_count, spot.interrupt_count, spot.priority, spot.queue, spot.kind);
  end if;
  return place;
end
$$;
revoke all on function backstay.stand(backstay.standing) from public;
