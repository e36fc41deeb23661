-- Resolves the options of a call, every one checked: lowest the contract in the caller's code (`contract` among the
-- options), above it the kind's stored contract, on top the job's own options.
-- What only a contract may say (on, on_oom, restart, crash_limit, lost_limit) is refused among the job's own options;
-- what a newer stored contract says is left.
-- needs: inner/refuse.sql inner/nearest.sql inner/read_name.sql inner/read_text.sql inner/read_whole.sql inner/read_flag.sql
-- needs: inner/read_duration.sql inner/read_instant.sql inner/read_size.sql inner/read_priority.sql inner/read_backoff.sql
-- needs: inner/read_by.sql inner/read_tags.sql inner/read_meta.sql inner/read_trace.sql inner/read_unique.sql inner/ceiling.sql inner/overlay.sql inner/read_contract.sql
-- needs: inner/read_on.sql inner/read_on_oom.sql
create or replace function backstay.shape(job_kind text, options jsonb) returns backstay.shape
language plpgsql stable as $$
declare
  s        backstay.shape;
  all_keys constant text[] := array['queue', 'priority', 'run_in', 'run_at', 'max_retries', 'backoff', 'timeout', 'memory', 'unique',
             'idempotency_key', 'group', 'limit_key', 'expires_in', 'expires_at', 'tags', 'meta', 'trace', 'notify', 'contract'];
  contract jsonb;
  mine     jsonb;
  closed   boolean;
  listed   boolean;
  merged   jsonb;
  own      boolean;
  word     text;
  value    jsonb;
  most     bigint;
begin
  s.kind := backstay.read_name('the kind', job_kind);
  -- That a login has a list is asked beside what is read anyway; only such a login pays for the list itself.
  select i.args_bytes_max, i.strict_kinds, k.contract, exists (select from backstay.enqueue_grant g where g.role = session_user)
    into s.args_max, closed, contract, listed
    from backstay.installation i left join backstay.kind k on k.name = job_kind;
  if closed and contract is null then
    perform backstay.refuse('BS107', format('kind "%s" is not declared', job_kind), job_kind,
      'did you mean "' || backstay.nearest(job_kind, array(select k.name from backstay.kind k order by 1 limit 1000)) || '"?');
  end if;
  s.queue := 'default';
  s.priority := 5;
  s.max_retries := 10;
  s.crash_limit := 3;
  s.lost_limit := 3;
  s.notify := true;
  options := coalesce(options, '{}');
  if jsonb_typeof(options) <> 'object' then
    perform backstay.refuse('BS102', 'options must be a JSON object', options::text, 'write {} for none');
  end if;
  if options = '{}' and coalesce(contract, '{}') = '{}' and not listed then
    return s;
  end if;

  mine := options;
  if options ? 'contract' then
    options := backstay.overlay(backstay.read_contract(options -> 'contract', contract), options - 'contract');
  else
    options := backstay.overlay(null, options);
  end if;
  if options ?& array['run_in', 'run_at'] then
    perform backstay.refuse('BS102', 'options "run_in" and "run_at" say the same', null, 'give one of them');
  elsif options ?& array['expires_in', 'expires_at'] then
    perform backstay.refuse('BS102', 'options "expires_in" and "expires_at" say the same', null, 'give one of them');
  end if;
  merged := case when contract is null then options else backstay.overlay(contract, options) end;

  for word, value in select e.key, e.value from jsonb_each(merged) e loop
    own := options ? word;
    continue when value = 'null';
    case word
      when 'queue' then s.queue := backstay.read_name('option "queue"', value #>> '{}');
      when 'priority' then s.priority := backstay.read_priority(value);
      when 'run_in' then s.run_at := backstay.clock() + backstay.read_duration(word, value, 0) * interval '1 ms';
      when 'run_at' then s.run_at := backstay.read_instant(word, value);
      when 'max_retries' then s.max_retries := backstay.read_whole(word, value, 0, 100);
      when 'backoff' then s.policy := coalesce(s.policy, '{}') || jsonb_build_object(word, backstay.read_backoff(value));
      when 'timeout' then s.timeout_ms := backstay.read_duration(word, value, 1000);
      when 'memory' then
        if value <> '"auto"' then
          s.memory_bytes := backstay.read_size(word, value, 33554432, 4398046511104);
        end if;
      when 'unique' then s := backstay.read_unique(s, value);
      when 'idempotency_key' then s.once_key := backstay.read_text(word, value, 1024);
      when 'group', 'limit_key' then
        if jsonb_typeof(value) = 'object' and value ? 'by' then
          if word = 'group' then s.group_by := backstay.read_by(word || '.by', value -> 'by');
          else s.limit_by := backstay.read_by(word || '.by', value -> 'by'); end if;
        elsif word = 'group' then s.group_key := backstay.read_text(word, value, 256);
        else s.limit_key := backstay.read_text(word, value, 256); end if;
      when 'expires_in' then s.expires_at := backstay.clock() + backstay.read_duration(word, value) * interval '1 ms';
      when 'expires_at' then s.expires_at := backstay.read_instant(word, value);
      when 'tags' then s.tags := backstay.read_tags(value);
      when 'meta' then s.meta := backstay.read_meta(value);
      when 'trace' then s.trace := backstay.read_trace(value);
      when 'notify' then s.notify := backstay.read_flag(word, value);
      else
        if word in ('on', 'on_oom', 'restart', 'crash_limit', 'lost_limit') then
          if mine ? word then
            perform backstay.refuse('BS101', format('option "%s" is for a whole kind', word), word,
              format('write it under [kinds.%s] of backstay.toml, or in the contract in code', s.kind));
          end if;
          case word
            when 'crash_limit' then s.crash_limit := backstay.read_whole(word, value, 1, 100);
            when 'lost_limit' then s.lost_limit := backstay.read_whole(word, value, 1, 100);
            -- A stored contract was checked where it was read.
            when 'on' then value := case when own then backstay.read_on(value) else value end;
            when 'on_oom' then value := case when own then backstay.read_on_oom(value) else value end;
            else
              if value <> '"never"' then
                perform backstay.refuse('BS102', 'option "restart" is not known here', value::text, 'write "never", or leave it out');
              end if;
          end case;
          if word in ('on', 'on_oom', 'restart') then
            s.policy := coalesce(s.policy, '{}') || jsonb_build_object(word, value);
          end if;
        elsif not own then
          null;
        elsif word in ('limits', 'weight', 'sequence', 'batch', 'spread_in', 'deadline_in', 'deadline_at', 'want_result') then
          perform backstay.refuse('BS101', format('option "%s" is not available in this version', word), word, 'All options: backstay explain BS101');
        else
          perform backstay.refuse('BS101', format('option "%s" is not known', left(word, 64)), word,
            coalesce('did you mean "' || backstay.nearest(word, all_keys) || '"? ', '') || 'All options: backstay explain BS101');
        end if;
    end case;
  end loop;

  if listed and not exists (
    select from backstay.enqueue_grant g
     where g.role = session_user and coalesce(g.queue, s.queue) = s.queue and coalesce(g.kind, s.kind) = s.kind) then
    perform backstay.refuse('BS108', format('login "%s" may not enqueue "%s" into "%s"', session_user, s.kind, s.queue), null,
      'let a migrator add a row to backstay.enqueue_grant, or connect with the login that has it');
  end if;
  if s.timeout_ms is not null and options ? 'timeout' then
    most := backstay.ceiling(s.queue, 'timeout');
    if s.timeout_ms > most then
      perform backstay.refuse('BS102', format('option "timeout" is above the most that queue "%s" allows', s.queue), options ->> 'timeout',
        format('at most %s s; raise queues.%s.timeout_max to allow more', most / 1000, s.queue));
    end if;
  end if;
  if s.memory_bytes is not null and options ? 'memory' then
    most := backstay.ceiling(s.queue, 'memory');
    if s.memory_bytes > most then
      perform backstay.refuse('BS102', format('option "memory" is above the most that queue "%s" allows', s.queue), options ->> 'memory',
        format('at most %s MiB; raise queues.%s.memory_max to allow more', most / 1048576, s.queue));
    end if;
  end if;
  return s;
end
$$;
revoke all on function backstay.shape(text, jsonb) from public;
