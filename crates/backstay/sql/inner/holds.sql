-- Does the login that called belong to one of our group roles, or own the schema? Under one login for all, it does.
create or replace function backstay.holds(variadic groups text[]) returns boolean
language sql stable as $$
  select exists (select from pg_namespace n where n.nspname = 'backstay' and pg_has_role(session_user, n.nspowner, 'member'))
      or exists (select from pg_roles r where r.rolname = any (groups) and pg_has_role(session_user, r.oid, 'member'))
$$;
revoke all on function backstay.holds(text[]) from public;
