-- Brings one dead letter back into line under its own id: counters at zero, the attempt number going on, its memory
-- to be raised as often as ever. Answers null, or the code why not. Its key is taken again, unless told otherwise; an
-- expiry that has passed does not count again.
-- needs: inner/take_keys.sql inner/stand.sql inner/absent.sql inner/clock.sql
create or replace function backstay.raise_dead(job bigint, new_args jsonb, without_unique boolean) returns text
language plpgsql as $$
declare
  d    backstay.dead_letter;
  spot backstay.standing;
begin
  select * into d from backstay.dead_letter l where l.id = job for update;
  if not found then
    return backstay.absent(job);
  elsif d.discarded_at is not null then
    return 'BS302';
  elsif without_unique then
    d.unique_hash := null;
  elsif d.unique_hash is not null then
    perform from backstay.take_keys(array[d.unique_hash], array[d.id], array['finished'], array[null::timestamptz], null);
    if found then
      return 'BS303';
    end if;
  end if;
  delete from backstay.dead_letter l where l.id = job;
  insert into backstay.job (id, enqueued_at, args_version, priority, max_retries, crash_limit, lost_limit, weight, revived_count, gated, followed,
         want_result, queue, kind, enqueued_by, args, policy, timeout_ms, memory_bytes, expires_at, deadline_at, unique_hash, unique_label,
         group_key, limit_key, sequence_key, limit_names, batch_id, schedule, cron_tick, tags, meta, trace)
  values (d.id, d.enqueued_at, d.args_version, d.priority, d.max_retries, d.crash_limit, d.lost_limit, d.weight, d.revived_count + 1, d.gated,
          d.followed, d.want_result, d.queue, d.kind, d.enqueued_by, coalesce(new_args, d.args), d.policy #- '{on_oom,raised}', d.timeout_ms, d.memory_bytes,
          case when d.expires_at > backstay.clock() then d.expires_at end, d.deadline_at, d.unique_hash, d.unique_label,
          d.group_key, d.limit_key, d.sequence_key, d.limit_names, d.batch_id, d.schedule, d.cron_tick, d.tags, d.meta, d.trace);
  spot.job_id := d.id;
  spot.place := 'dead';
  spot.memory_mib := coalesce((d.memory_bytes + 1048575) / 1048576, 0);
  spot.attempt := d.attempt;
  spot.retry_count := 0;
  spot.crash_count := 0;
  spot.lost_count := 0;
  spot.snooze_count := 0;
  spot.interrupt_count := 0;
  spot.priority := d.priority;
  spot.queue := d.queue;
  spot.kind := d.kind;
  perform backstay.stand(spot);
  return null;
end
$$;
revoke all on function backstay.raise_dead(bigint, jsonb, boolean) from public;
