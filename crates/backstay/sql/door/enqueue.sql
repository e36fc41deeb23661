-- Enqueues one job in the caller's transaction. One row always; `created` is false where a unique or idempotency key
-- matched, and `id` then names the job that has it.
-- role: enqueuer
-- options: queue priority run_in run_at max_retries backoff timeout memory unique idempotency_key group limit_key
-- options: expires_in expires_at tags meta trace notify contract
-- needs: inner/prepare.sql inner/accept.sql inner/put.sql inner/wake.sql
create or replace function backstay.enqueue(kind text, args jsonb default '{}', options jsonb default '{}')
returns table (id bigint, created boolean)
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  s backstay.shape := backstay.prepare(enqueue.kind, enqueue.options, array[enqueue.args], null);
begin
  -- Only a call with a key needs all of `accept`; its arrays would cost a waiting request a quarter more.
  if s.keyed then
    s := (backstay.accept(array[s]))[1];
  elsif backstay.put(s) = 'ready' and s.notify then
    perform backstay.wake();
  end if;
  id := coalesce(s.ids[1], s.holders[1]);
  created := s.ids[1] is not null;
  return next;
end
$$;
revoke all on function backstay.enqueue(text, jsonb, jsonb) from public;
