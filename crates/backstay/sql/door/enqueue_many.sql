-- Enqueues an array of {"kind", "args", "options"}; `options` are the defaults for all. Answers in the order given, `n`
-- from 1. One bad job fails the call, and the message names it.
-- role: enqueuer
-- options: as enqueue; an idempotency_key here counts for the call, each job gets it with its own number
-- needs: inner/check_jobs.sql inner/overlay.sql inner/prepare.sql inner/accept.sql
create or replace function backstay.enqueue_many(jobs jsonb, options jsonb default '{}')
returns table (n int, id bigint, created boolean)
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  shapes backstay.shape[];
  shared jsonb := enqueue_many.options - 'idempotency_key';
  once   text := enqueue_many.options ->> 'idempotency_key';
begin
  perform backstay.check_jobs(enqueue_many.jobs, enqueue_many.options);
  -- A key of its own does not make a shape of its own: thousands of unique jobs stay one statement.
  shapes := array(
    select backstay.prepare(g.kind, g.options, g.args, g.numbers, g.keys, g.once)
      from (
        select j.kind, j.options, array_agg(j.args order by j.n) as args, array_agg(j.n order by j.n) as numbers,
               case when bool_or(j.key is not null) then array_agg(j.key order by j.n) end as keys,
               case when bool_or(j.once is not null) then array_agg(j.once order by j.n) end as once
          from (
            select e.n::int, e.job ->> 'kind' as kind, coalesce(e.job -> 'args', '{}') as args,
                   case when jsonb_typeof(o.own -> 'unique') = 'string' then o.own || '{"unique": true}'
                        when jsonb_typeof(o.own #> '{unique,key}') = 'string' then o.own #- '{unique,key}'
                        else o.own end - 'idempotency_key' as options,
                   case jsonb_typeof(o.own -> 'unique') when 'string' then o.own ->> 'unique'
                        when 'object' then o.own #>> '{unique,key}' end as key,
                   coalesce(o.own ->> 'idempotency_key', once || e'\x1f' || e.n) as once
              from jsonb_array_elements(enqueue_many.jobs) with ordinality e(job, n)
             cross join lateral (select backstay.overlay(shared, e.job -> 'options')) o(own)) j
         group by j.kind, j.options) g
     order by g.numbers[1]);
  if shapes <> '{}' then
    return query
      select e.number, coalesce(e.id, e.holder), e.id is not null
        from unnest(backstay.accept(shapes)) p cross join lateral unnest(p.numbers, p.ids, p.holders) e(number, id, holder) order by e.number;
  end if;
end
$$;
revoke all on function backstay.enqueue_many(jsonb, jsonb) from public;
