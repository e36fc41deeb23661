-- Enqueues an array of {"kind", "args", "options"}; `options` are the defaults for all. Answers in the order given, `n`
-- from 1. One bad job fails the call, and the message names it.
-- role: enqueuer
-- options: as enqueue; an idempotency_key here counts for the call, each job gets it with its own number
-- options: contracts: by kind, the `contract` of its jobs that bring none; so that it travels once and not with every job
-- needs: inner/read_text.sql inner/read_contracts.sql inner/check_jobs.sql inner/overlay.sql inner/prepare.sql inner/accept.sql
create or replace function backstay.enqueue_many(jobs jsonb, options jsonb default '{}')
returns table (n int, id bigint, created boolean)
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  shapes backstay.shape[];
  shared jsonb;
  known  jsonb;
  once   text;
begin
  perform backstay.check_jobs(enqueue_many.jobs, enqueue_many.options);
  shared := backstay.overlay(null, coalesce(enqueue_many.options, '{}') - array['idempotency_key', 'contracts']);
  known := backstay.read_contracts(enqueue_many.options -> 'contracts');
  if coalesce(enqueue_many.options -> 'idempotency_key', 'null') <> 'null' then
    once := backstay.read_text('idempotency_key', enqueue_many.options -> 'idempotency_key', 1024);
  end if;
  -- A key of its own does not make a shape of its own: thousands of unique jobs stay one statement.
  shapes := array(
    select backstay.prepare(g.kind, case when known ? g.kind and not g.options ? 'contract' then g.options || jsonb_build_object('contract', known -> g.kind) else g.options end,
                            g.args, g.numbers, g.keys, g.once)
      from (
        select j.kind, j.options, array_agg(j.args order by j.n) as args, array_agg(j.n order by j.n) as numbers,
               case when count(j.key) > 0 then array_agg(j.key order by j.n) end as keys,
               case when count(j.once) > 0 then array_agg(j.once order by j.n) end as once
          from (
            select e.n::int, e.job ->> 'kind' as kind, coalesce(e.job -> 'args', '{}') as args,
                   case when not o.has_keys then o.own
                        when jsonb_typeof(o.own -> 'unique') = 'string' then o.rest || '{"unique": true}'
                        when jsonb_typeof(o.own #> '{unique,key}') = 'string' then o.rest #- '{unique,key}'
                        else o.rest end as options,
                   case when o.has_keys then
                     case jsonb_typeof(o.own -> 'unique') when 'string' then o.own ->> 'unique' when 'object' then o.own #>> '{unique,key}' end
                   end as key,
                   case when o.has_keys and o.own ? 'idempotency_key' and not o.rest ? 'idempotency_key' then o.own ->> 'idempotency_key' else once || e'\x1f' || e.n end as once
              from jsonb_array_elements(enqueue_many.jobs) with ordinality e(job, n)
             cross join lateral (select case when e.job ? 'options' then backstay.overlay(shared, e.job -> 'options') else shared end) a(own)
             cross join lateral (
              select a.own, a.own ?| array['unique', 'idempotency_key'],
                     case when jsonb_typeof(a.own -> 'idempotency_key') = 'string' then a.own - 'idempotency_key' else a.own end) o(own, has_keys, rest)) j
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
