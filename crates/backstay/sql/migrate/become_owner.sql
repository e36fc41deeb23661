-- Goes on as the owner of all that is made, a role that nobody can log in as.
do $$
begin
  if not pg_has_role(current_user, 'backstay_owner', 'member') then
    grant backstay_owner to current_user;
  end if;
  if not has_database_privilege('backstay_owner', current_database(), 'create') then
    execute format('grant create on database %I to backstay_owner', current_database());
  end if;
end $$;
set local role backstay_owner
