-- Sets ceilings for the login that handlers use for the application's own tables, so that no job can harm the database.
do $$
declare
  name text := current_setting('backstay.login');
begin
  if not exists (select from pg_roles where rolname = name) then
    execute format('create role %I login password %L', name, current_setting('backstay.password'));
  end if;
  execute format('grant backstay_enqueuer to %I', name);
  execute format('alter role %I connection limit 16', name);
  execute format('alter role %I set statement_timeout = %L', name, '15min');
  execute format('alter role %I set idle_in_transaction_session_timeout = %L', name, '60s');
  execute format('alter role %I set lock_timeout = %L', name, '10s');
  execute format('alter role %I set client_connection_check_interval = %L', name, '1s');
  execute format('alter role %I set max_parallel_workers_per_gather = 0', name);
  -- A sort that runs away fills the disk of everybody.
  begin
    execute format('alter role %I set temp_file_limit = %L', name, '2GB');
  exception when insufficient_privilege then
    raise notice 'only a superuser can bound the temporary files of %: alter role % set temp_file_limit = ''2GB''', name, name;
  end;
end $$
