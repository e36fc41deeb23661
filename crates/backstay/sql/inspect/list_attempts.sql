-- Shows the attempts of a job that ended, the last 200 in their order; of a dead letter also those that were pruned elsewhere.
-- role: viewer
-- $1 id bigint
with kept as materialized (
  select a.attempt, to_jsonb(a) as document from backstay.attempts a where a.job_id = $1::bigint order by a.attempt desc limit 200),
copied as (
  select (e.value ->> 'attempt')::int as attempt, e.value || coalesce(to_jsonb(t) - 'no' - 'hash', '{}') as document
    from backstay.dead_letters d cross join lateral jsonb_array_elements(d.errors) e(value)
    left join backstay.terms t on t.no = (e.value ->> 'terms_no')::int
   where d.id = $1::bigint
     and not exists (select from kept k where k.attempt = (e.value ->> 'attempt')::int))
select (a.document || jsonb_build_object('host', (select w.host from backstay.workers w where w.id = (a.document ->> 'worker')::uuid)))::text
  from (select * from kept union all select * from copied) a
 order by a.attempt
