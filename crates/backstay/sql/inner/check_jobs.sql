-- Checks the shape of what enqueue_many was given, before any job is looked at closely.
-- needs: inner/refuse.sql inner/nearest.sql
create or replace function backstay.check_jobs(jobs jsonb, options jsonb) returns void
language plpgsql as $$
declare
  bad record;
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    perform backstay.refuse('BS104', 'the jobs must be a JSON array', null, 'give an array of {"kind", "args", "options"}');
  elsif jsonb_array_length(jobs) > 10000 then
    perform backstay.refuse('BS109', format('%s jobs in one call, at most 10000 are allowed', jsonb_array_length(jobs)), null,
      'use several calls; they may share a transaction');
  elsif pg_column_size(jobs) > 67108864 then
    perform backstay.refuse('BS105', 'the call carries more than 64 MiB', null, 'use several calls; they may share a transaction');
  elsif jsonb_typeof(options) <> 'object' then
    perform backstay.refuse('BS102', 'options must be a JSON object', options::text, 'write {} for none');
  end if;
  select e.n, e.job, jsonb_typeof(e.job) as type into bad
    from jsonb_array_elements(jobs) with ordinality e(job, n)
   where jsonb_typeof(e.job) <> 'object' or jsonb_typeof(e.job -> 'kind') is distinct from 'string'
      or jsonb_typeof(e.job -> 'options') not in ('object', 'null') or e.job - array['kind', 'args', 'options'] <> '{}'
   order by e.n limit 1;
  if not found then
    return;
  elsif bad.type <> 'object' then
    perform backstay.refuse('BS104', format('job %s: it must be a JSON object, not %s', bad.n, bad.type), null, 'write {"kind", "args", "options"}');
  elsif jsonb_typeof(bad.job -> 'kind') is distinct from 'string' then
    perform backstay.refuse('BS103', format('job %s: it has no kind', bad.n), null, 'write {"kind": "report", "args": {}}');
  elsif jsonb_typeof(bad.job -> 'options') not in ('object', 'null') then
    perform backstay.refuse('BS102', format('job %s: its options must be a JSON object', bad.n), bad.job ->> 'options', 'write {} for none');
  end if;
  perform backstay.refuse('BS101', format('job %s: field "%s" is not known', bad.n, left(o.word, 64)), o.word,
      coalesce('did you mean "' || backstay.nearest(o.word, array['kind', 'args', 'options']) || '"? ', '') || 'A job has kind, args and options')
    from (select min(k) from jsonb_object_keys(bad.job - array['kind', 'args', 'options']) k) o(word);
end
$$;
revoke all on function backstay.check_jobs(jsonb, jsonb) from public;
