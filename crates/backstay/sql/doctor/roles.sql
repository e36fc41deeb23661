-- Which of our group roles there are, and which of them this login has.
-- role: any login
select jsonb_build_object(
         'groups', (select coalesce(jsonb_agg(r.rolname order by r.rolname), '[]') from pg_roles r where r.rolname like 'backstay\_%'),
         'mine', (select coalesce(jsonb_agg(r.rolname order by r.rolname), '[]') from pg_roles r
                   where r.rolname like 'backstay\_%' and pg_has_role(session_user, r.oid, 'usage')),
         'login', session_user, 'superuser', (select r.rolsuper from pg_roles r where r.rolname = session_user))::text
