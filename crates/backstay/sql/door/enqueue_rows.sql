-- Enqueues many jobs of one kind that share their options: one row each, in order. An idempotency key counts for the
-- call: each of its jobs gets it with its own number.
-- role: enqueuer
-- options: as enqueue
-- needs: inner/prepare.sql inner/accept.sql inner/refuse.sql
create or replace function backstay.enqueue_rows(kind text, args jsonb[], options jsonb default '{}')
returns table (n int, id bigint, created boolean)
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  count int := coalesce(cardinality(enqueue_rows.args), 0);
  once  text := case when jsonb_typeof(enqueue_rows.options) = 'object' then enqueue_rows.options ->> 'idempotency_key' end;
begin
  if enqueue_rows.args is null then
    perform backstay.refuse('BS104', 'the array of args is null', null, 'give an array of JSON objects');
  elsif count > 10000 then
    perform backstay.refuse('BS109', format('%s jobs in one call, at most 10000 are allowed', count), null, 'use several calls; they may share a transaction');
  elsif pg_column_size(enqueue_rows.args) > 67108864 then
    perform backstay.refuse('BS105', 'the call carries more than 64 MiB', null, 'use several calls; they may share a transaction');
  elsif count = 0 then
    return;
  end if;
  return query
    select e.number, coalesce(e.id, e.holder), e.id is not null
      from unnest(backstay.accept(array[backstay.prepare(enqueue_rows.kind, enqueue_rows.options, enqueue_rows.args,
             array(select generate_series(1, count)), null,
             case when once is not null then array(select once || e'\x1f' || g from generate_series(1, count) g) end)])) p
     cross join lateral unnest(p.numbers, p.ids, p.holders) e(number, id, holder);
end
$$;
revoke all on function backstay.enqueue_rows(text, jsonb[], jsonb) from public;
