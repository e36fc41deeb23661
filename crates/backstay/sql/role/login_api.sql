-- Lets a login of the application enqueue, and see and cancel its own jobs. It is made where it is not there.
do $$
declare
  name text := current_setting('backstay.login');
begin
  if not exists (select from pg_roles where rolname = name) then
    execute format('create role %I login password %L', name, current_setting('backstay.password'));
  end if;
  execute format('grant backstay_enqueuer to %I', name);
end $$
