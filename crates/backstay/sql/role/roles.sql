-- The group roles: nobody logs in as one, users grant them to their logins. May be run again, and by two at once.
-- Where the installing login may not create roles, everything works under that login alone.
do $$
begin
  if (select r.rolcreaterole or r.rolsuper from pg_roles r where r.rolname = current_user) then
    begin create role backstay_owner nologin;    exception when duplicate_object or unique_violation then null; end;
    begin create role backstay_migrator nologin; exception when duplicate_object or unique_violation then null; end;
    begin create role backstay_enqueuer nologin; exception when duplicate_object or unique_violation then null; end;
    begin create role backstay_worker nologin;   exception when duplicate_object or unique_violation then null; end;
    begin create role backstay_viewer nologin;   exception when duplicate_object or unique_violation then null; end;
    begin create role backstay_operator nologin; exception when duplicate_object or unique_violation then null; end;
    begin create role backstay_auditor nologin;  exception when duplicate_object or unique_violation then null; end;
    if not pg_has_role('backstay_migrator', 'backstay_owner', 'member') then
      begin
        grant backstay_owner to backstay_migrator;
      exception when unique_violation or duplicate_object or insufficient_privilege then null;
      end;
    end if;
  else
    raise notice 'roles: single (this login may not create roles; everything runs under it)';
  end if;
end
$$;
