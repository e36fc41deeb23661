-- Says what the login may do about roles and this database.
select (select rolcreaterole or rolsuper from pg_roles where rolname = current_user) as may_create_roles,
       exists (select from pg_roles where rolname = 'backstay_owner') as with_roles
