-- Who may do what in the schema, membership resolved: one line for each role and thing, as `roles.toml` writes it.
with role as (
  select * from unnest(array['public', 'backstay_enqueuer', 'backstay_worker', 'backstay_viewer', 'backstay_operator', 'backstay_auditor'])
    with ordinality as r (name, n)),
-- Partitions come and go by the day: nobody may anything with them, so that a line about one is a fault.
relation as (
  select c.oid, c.relname, c.relkind from pg_class c where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')),
held as (
  select r.n, r.name, 1 as part, 'schema backstay' as thing, string_agg(p, ', ' order by p) as may
    from role r, unnest(array['create', 'usage']) p where has_schema_privilege(r.name, 'backstay', p) group by 1, 2
  union all
  select r.n, r.name, 2, 'table ' || t.relname, string_agg(p || coalesce(' (' || narrow.columns || ')', ''), ', ' order by p)
    from role r, relation t, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p,
    lateral (
      select string_agg(a.attname, ', ' order by a.attname) as columns from pg_attribute a
       where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and not has_table_privilege(r.name, t.oid, p)
         and case when p in ('select', 'insert', 'update', 'references') then has_column_privilege(r.name, t.oid, a.attnum, p) end) narrow
   where has_table_privilege(r.name, t.oid, p) or narrow.columns is not null
   group by r.n, r.name, t.relname
  union all
  select r.n, r.name, 3, 'sequence ' || c.relname, string_agg(p, ', ' order by p)
    from role r, pg_class c, unnest(array['select', 'update', 'usage']) p
   where c.relnamespace = 'backstay'::regnamespace and c.relkind = 'S' and has_sequence_privilege(r.name, c.oid, p)
   group by r.n, r.name, c.relname
  union all
  select r.n, r.name, 4, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'execute'
    from role r, pg_proc p where p.pronamespace = 'backstay'::regnamespace and has_function_privilege(r.name, p.oid, 'execute')
  union all
  select r.n, r.name, 5, 'type ' || t.typname, 'usage'
    from role r, pg_type t left join pg_class c on c.oid = t.typrelid
   where t.typnamespace = 'backstay'::regnamespace and (t.typtype in ('d', 'e') or c.relkind = 'c') and has_type_privilege(r.name, t.oid, 'usage')
  union all
  -- What a role is by itself, beside what it was granted.
  select coalesce((select own.n from role own where own.name = r.rolname), 90), r.rolname, 0, 'role',
         concat_ws(', ', case when r.rolcanlogin then 'login' else 'nologin' end, case when r.rolsuper then 'superuser' end,
           case when r.rolcreaterole then 'createrole' end, case when r.rolcreatedb then 'createdb' end,
           case when r.rolbypassrls then 'bypassrls' end, case when r.rolreplication then 'replication' end,
           (select string_agg('member of ' || g.rolname, ', ' order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid))
    from pg_roles r
   where r.rolname in ('backstay_owner', 'backstay_migrator', 'backstay_enqueuer', 'backstay_worker', 'backstay_viewer', 'backstay_operator', 'backstay_auditor')),
-- What could be handed on, and what does not belong to the owner, has no place in the file.
strange as (
  select 99, 'nobody', 6, c.relname || ' is owned by ' || c.relowner::regrole, 'fault' from pg_class c
   where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p', 'v', 'S') and c.relowner <> 'backstay_owner'::regrole
  union all
  select 99, 'nobody', 6, p.proname || ' is owned by ' || p.proowner::regrole, 'fault' from pg_proc p
   where p.pronamespace = 'backstay'::regnamespace and p.proowner <> 'backstay_owner'::regrole
  union all
  select distinct 99, 'nobody', 6, format('%s may be handed on by %s', c.relname, a.grantee::regrole), 'fault' from pg_class c, aclexplode(c.relacl) a
   where c.relnamespace = 'backstay'::regnamespace and a.is_grantable and a.grantee <> c.relowner)
select name, format('"%s" = "%s"', thing, may) as line from (table held union all table strange) all_of_it
 order by n, name, part, thing
