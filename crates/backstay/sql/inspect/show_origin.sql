-- Shows the options that a living or dead job carries, beside what its kind's contract gives and whether that is declared.
-- role: viewer
-- $1 id bigint
select jsonb_build_object(
         'job', jsonb_build_object('queue', j.queue, 'priority', j.priority, 'max_retries', j.max_retries, 'timeout_ms', j.timeout_ms, 'memory_bytes', j.memory_bytes),
         'contract', backstay.contract(j.kind) - array['kind', 'declared'],
         'declared', (backstay.contract(j.kind) ->> 'declared')::boolean, 'living', j.living)::text
  from (select j.kind, j.queue, j.priority, j.max_retries, j.timeout_ms, j.memory_bytes, true as living from backstay.jobs j where j.id = $1::bigint
         union all
        select d.kind, d.queue, d.priority, d.max_retries, null, null, false from backstay.dead_letters d where d.id = $1::bigint
         union all
        (select e.kind, e.queue, e.priority, e.max_retries, null, null, false from backstay.ended e where e.id = $1::bigint order by e.finished_at desc limit 1)) j
 limit 1
