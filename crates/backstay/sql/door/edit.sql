-- Changes a job that waits: priority, run_at or run_in, max_retries, tags, meta, args. Another priority takes it to the
-- tail of that level.
-- moves: scheduled -> ready, ready -> scheduled, and the like
-- role: operator
-- options: reason
-- needs: inner/known.sql inner/read_reason.sql inner/read_priority.sql inner/read_instant.sql inner/read_duration.sql inner/read_whole.sql inner/read_tags.sql
-- needs: inner/read_meta.sql inner/check_args.sql inner/lift.sql inner/stand.sql inner/record.sql inner/wake.sql inner/tally.sql inner/skip.sql inner/absent.sql
create or replace function backstay.edit(job_id bigint, changes jsonb, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  reason   text := backstay.read_reason(edit.options, '{}');
  spot     backstay.standing;
  level    smallint;
  due      timestamptz;
  retries  smallint;
  new_tags text[];
  new_meta jsonb;
  was      record;
begin
  perform backstay.known(changes, array['priority', 'run_at', 'run_in', 'max_retries', 'tags', 'meta', 'args']);
  if changes is null or changes = '{}' then
    perform backstay.refuse('BS102', 'there is nothing to change', null, 'give one of priority, run_at, run_in, max_retries, tags, meta, args');
  elsif changes ?& array['run_at', 'run_in'] then
    perform backstay.refuse('BS102', 'changes "run_in" and "run_at" say the same', null, 'give one of them');
  end if;
  if changes ? 'priority' then level := backstay.read_priority(changes -> 'priority'); end if;
  if changes ? 'run_at' then due := backstay.read_instant('run_at', changes -> 'run_at'); end if;
  if changes ? 'run_in' then due := backstay.clock() + backstay.read_duration('run_in', changes -> 'run_in', 0) * interval '1 ms'; end if;
  if changes ? 'max_retries' then retries := backstay.read_whole('max_retries', changes -> 'max_retries', 0, 100); end if;
  if changes ? 'tags' then new_tags := backstay.read_tags(changes -> 'tags'); end if;
  if changes ? 'meta' then new_meta := backstay.read_meta(changes -> 'meta'); end if;
  if changes ? 'args' then perform backstay.check_args(changes -> 'args', (select i.args_bytes_max from backstay.installation i)); end if;

  spot := backstay.lift(edit.job_id);
  if spot.job_id is null or spot.place = 'running' then
    return backstay.tally(0, backstay.skip(edit.job_id::text, backstay.absent(edit.job_id)));
  end if;
  select j.priority, j.max_retries, j.tags into was from backstay.job j where j.id = edit.job_id;
  update backstay.job j
     set priority = coalesce(level, j.priority), max_retries = greatest(coalesce(retries, j.max_retries), spot.retry_count),
         tags = case when changes ? 'tags' then new_tags else j.tags end, meta = case when changes ? 'meta' then new_meta else j.meta end,
         args = coalesce(changes -> 'args', j.args)
   where j.id = edit.job_id;
  if level <> spot.priority or due is not null then
    spot.seq := null;
  elsif spot.seq is not null then
    perform nextval('backstay.lowered_seq');
  end if;
  if due is not null then
    spot.ready_at := null;
    spot.run_at := due;
    spot.reason := 'scheduled';
  end if;
  spot.priority := coalesce(level, spot.priority);
  perform backstay.stand(spot);
  perform backstay.record('edit', edit.job_id::text, reason, 1, null,
    jsonb_build_object('priority', was.priority, 'max_retries', was.max_retries, 'tags', was.tags, 'run_at', spot.run_at),
    changes - array['args', 'meta'] || jsonb_build_object('changed', (select jsonb_agg(k) from jsonb_object_keys(changes) k)));
  perform backstay.wake();
  return backstay.tally(1);
end
$$;
revoke all on function backstay.edit(bigint, jsonb, jsonb) from public;
