-- Lets a login run `backstay work`, with as many connections as two workers need. It is made where it is not there.
do $$
declare
  name text := current_setting('backstay.login');
begin
  if not exists (select from pg_roles where rolname = name) then
    execute format('create role %I login password %L connection limit 8', name, current_setting('backstay.password'));
  end if;
  execute format('grant backstay_worker to %I', name);
  execute format('alter role %I set idle_in_transaction_session_timeout = %L', name, '10s');
  execute format('alter role %I set client_connection_check_interval = %L', name, '1s');
end $$
