-- No function of ours is open to everybody, and each that runs as its owner has a fixed search path.
-- sort: defect                         role: viewer
select p.oid::regprocedure::text as subject,
       case when has_function_privilege('public', p.oid, 'execute') then 'may be called by everybody'
            else 'runs as its owner with the search path of its caller' end as detail
  from pg_proc p
 where p.pronamespace = 'backstay'::regnamespace
   and (has_function_privilege('public', p.oid, 'execute')
        or p.prosecdef and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, backstay, pg_temp'])
 limit 101
