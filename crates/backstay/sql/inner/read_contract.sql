-- What the contract in the caller's code says where the stored one is silent: the fleet's word (its file, its workers)
-- stands above that of a program that only enqueues. The values are checked with the other options, where they count.
-- needs: inner/refuse.sql
create or replace function backstay.read_contract(value jsonb, stored jsonb) returns jsonb
language plpgsql immutable as $$
begin
  if value in ('{}', 'null') then
    return null;
  elsif jsonb_typeof(value) <> 'object' then
    perform backstay.refuse('BS102', 'option "contract" must be a JSON object', value::text, 'write {"queue": "reports"}, or leave it out');
  elsif value ?| array['run_in', 'run_at', 'expires_at', 'idempotency_key', 'trace', 'notify', 'contract'] then
    perform backstay.refuse('BS102', format('option "%s" is for one job and cannot stand in a contract', w.word), null, 'give it with the job''s own options')
       from (select min(k) from jsonb_object_keys(value) k where k in ('run_in', 'run_at', 'expires_at', 'idempotency_key', 'trace', 'notify', 'contract')) w(word);
  end if;
  return case when stored is null or stored = '{}' then value else value - array(select jsonb_object_keys(stored)) end;
end
$$;
revoke all on function backstay.read_contract(jsonb, jsonb) from public;
