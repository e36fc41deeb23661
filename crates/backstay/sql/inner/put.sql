-- Writes the jobs of a shape and their places, and nothing else: two rows a job. One job alone goes by VALUES, which
-- spares a request that waits for it the set-up of two function scans.
-- needs: inner/place.sql inner/clock.sql
create or replace function backstay.put(s backstay.shape) returns text
language plpgsql as $$
declare
  place text := backstay.place(s.kind, s.run_at);
  at    timestamptz := backstay.clock();
  mib   int := coalesce((s.memory_bytes + 1048575) / 1048576, 0);
  one   bigint := s.ids[1];
begin
  if s.numbers is null and one is null then
    return place;
  elsif s.numbers is null then
    insert into backstay.job (id, enqueued_at, priority, max_retries, crash_limit, lost_limit, queue, kind, enqueued_by, args, policy, timeout_ms, memory_bytes, expires_at,
                              unique_hash, unique_label, group_key, limit_key, tags, meta, trace)
    values (one, at, s.priority, s.max_retries, s.crash_limit, s.lost_limit, s.queue, s.kind, session_user, s.args[1], s.policy, s.timeout_ms, s.memory_bytes, s.expires_at,
            case when s.until = 'finished' then s.hashes[1] end, s.labels[1], coalesce(s.group_key, s.group_keys[1]),
            coalesce(s.limit_key, s.limit_keys[1]), s.tags, s.meta, s.trace);
  else
    insert into backstay.job (id, enqueued_at, priority, max_retries, crash_limit, lost_limit, queue, kind, enqueued_by, args, policy, timeout_ms, memory_bytes, expires_at,
                              unique_hash, unique_label, group_key, limit_key, tags, meta, trace)
    select e.id, at, s.priority, s.max_retries, s.crash_limit, s.lost_limit, s.queue, s.kind, session_user, e.args, s.policy, s.timeout_ms, s.memory_bytes, s.expires_at,
           case when s.until = 'finished' then e.hash end, e.label, coalesce(s.group_key, e.group_key), coalesce(s.limit_key, e.limit_key),
           s.tags, s.meta, s.trace
      from unnest(s.ids, s.args, s.hashes, s.labels, s.group_keys, s.limit_keys) e(id, args, hash, label, group_key, limit_key)
     where e.id is not null;
  end if;

  if place = 'ready' and s.numbers is null then
    insert into backstay.ready (seq, job_id, ready_at, memory_mib, priority, queue, kind)
    values (one, one, at, mib, s.priority, s.queue, s.kind);
  elsif place = 'ready' then
    insert into backstay.ready (seq, job_id, ready_at, memory_mib, priority, queue, kind)
    select e.id, e.id, at, mib, s.priority, s.queue, s.kind from unnest(s.ids) e(id) where e.id is not null;
  elsif place = 'scheduled' then
    insert into backstay.scheduled (run_at, job_id, memory_mib, priority, queue, kind, why)
    select s.run_at, e.id, mib, s.priority, s.queue, s.kind, 'scheduled' from unnest(s.ids) e(id) where e.id is not null;
  else
    insert into backstay.parked (job_id, seq, ready_at, since, memory_mib, priority, queue, kind, reason, subject)
    select e.id, e.id, at, at, mib, s.priority, s.queue, s.kind, 'paused', s.kind from unnest(s.ids) e(id) where e.id is not null;
  end if;
  return place;
end
$$;
revoke all on function backstay.put(backstay.shape) from public;
