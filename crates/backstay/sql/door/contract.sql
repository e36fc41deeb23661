-- What a job of this kind gets that says nothing itself: the kind's contract over what is built in.
-- role: enqueuer, viewer, operator
-- needs: inner/read_name.sql
create or replace function backstay.contract(kind text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  own jsonb;
begin
  perform backstay.read_name('the kind', contract.kind);
  select k.contract into own from backstay.kind k where k.name = contract.kind;
  return jsonb_build_object('queue', 'default', 'priority', 5, 'max_retries', 10, 'crash_limit', 3, 'lost_limit', 3,
           'backoff', '{"first": "15s", "factor": 2, "cap": "1h", "jitter": 0.2}'::jsonb, 'timeout', '15m')
      || coalesce((select q.settings - array(select k from jsonb_object_keys(q.settings) k where k <> 'timeout')
                     from backstay.queue q where q.name = coalesce(own ->> 'queue', 'default')), '{}')
      || coalesce(own, '{}') || jsonb_build_object('kind', contract.kind, 'declared', own is not null);
end
$$;
revoke all on function backstay.contract(text) from public;
