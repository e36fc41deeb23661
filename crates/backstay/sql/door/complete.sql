-- Completes a running job in the handler's own transaction: its effects and its completion commit together or not at
-- all. Raises BS201 if the attempt no longer holds its job. An output above 256 KiB is replaced by a note.
-- moves: running -> completed
-- role: enqueuer, worker (the fence is the right)
-- options: output
-- needs: inner/refuse.sql inner/known.sql inner/clock.sql
create or replace function backstay.complete(job_id bigint, attempt int, worker uuid, options jsonb default '{}') returns void
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  result jsonb := complete.options -> 'output';
begin
  perform backstay.known(complete.options, array['output']);
  if octet_length(result::text) > 262144 then
    result := jsonb_build_object('backstay_note', format('the output had %s bytes and was not kept: at most 262144 are', octet_length(result::text)));
  end if;
  with gone as (
    delete from backstay.running r
     where r.job_id = complete.job_id and r.attempt = complete.attempt and r.worker = complete.worker returning r.*),
  body as (delete from backstay.job j using gone g where j.id = g.job_id returning j.*),
  key as (
    delete from backstay.unique_key k using body b where k.hash = b.unique_hash and k.job_id = b.id and k.until <> 'period'),
  full_history as materialized (
    select b.id from body b
     where not exists (select from backstay.kind k where k.name = b.kind and k.contract ->> 'history' = 'lean')),
  kept as (
    insert into backstay.history_body (job_id, finished_at, args, output, meta, trace)
    select b.id, backstay.clock(), b.args, nullif(result, 'null'), b.meta, b.trace from body b join full_history f on f.id = b.id),
  line as (
    insert into backstay.history (job_id, enqueued_at, ready_at, claimed_at, finished_at, wall_ms, attempt, retry_count, crash_count, lost_count,
           snooze_count, interrupt_count, revived_count, max_retries, priority, state, queue, kind, enqueued_by, worker, group_key, unique_hash,
           unique_label, tags, schedule)
    select b.id, b.enqueued_at, g.ready_at, g.claimed_at, backstay.clock(),
           least(2147483647, extract(epoch from backstay.clock() - g.claimed_at) * 1000)::int, g.attempt, g.retry_count, g.crash_count,
           g.lost_count, g.snooze_count, g.interrupt_count, b.revived_count, b.max_retries, b.priority, 'completed', b.queue, b.kind,
           b.enqueued_by, g.worker, b.group_key, b.unique_hash, b.unique_label, b.tags, b.schedule
      from gone g join body b on b.id = g.job_id join full_history f on f.id = b.id)
  select g.job_id into complete.job_id from gone g;
  if not found then
    perform backstay.refuse('BS201', format('attempt %s no longer holds the job', complete.attempt), null, 'roll back: another attempt may be running');
  end if;
end
$$;
revoke all on function backstay.complete(bigint, int, uuid, jsonb) from public;
