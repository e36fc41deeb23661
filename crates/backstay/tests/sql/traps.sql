-- A schema of traps that shadow what the doors use. Each says so if it is run by somebody else than who is logged in.
create schema evil;
grant usage, create on schema evil to public;

do $$
declare
  it   record;
  n    int := 0;
  trap text := 'begin if current_user <> session_user then raise exception using errcode = ''TR4PP'', message = current_user; end if; return null; end';
  hurt text := 'begin if current_user <> session_user then raise exception using errcode = ''TR4PP'', message = current_user; end if; return; end';
begin
  for it in
    select o.oprname, format_type(o.oprleft, null) as l, format_type(o.oprright, null) as r, format_type(o.oprresult, null) as answer
      from pg_operator o
     where o.oprname = any(array['=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '||', '->', '->>', '#>', '#>>', '@>', '<@', '?', '&&', '~', '!~'])
       and o.oprleft = any('{text,jsonb,int8,int4,int2,timestamptz,interval,bool,uuid,text[],bytea,float8,numeric}'::regtype[])
       and o.oprright = any('{text,jsonb,int8,int4,int2,timestamptz,interval,bool,uuid,text[],bytea,float8,numeric}'::regtype[])
  loop
    n := n + 1;
    execute format('create function evil.trap_%s(a %s, b %s) returns %s language plpgsql as %L', n, it.l, it.r, it.answer, trap);
    execute format('create operator evil.%s (leftarg = %s, rightarg = %s, function = evil.trap_%s)', it.oprname, it.l, it.r, n);
  end loop;
  for it in
    select p.proname, pg_get_function_identity_arguments(p.oid) as args, pg_get_function_result(p.oid) as answer, p.proretset
      from pg_proc p
     where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.provariadic = 0
       and p.proname = any(array['now', 'statement_timestamp', 'clock_timestamp', 'jsonb_typeof', 'jsonb_set', 'jsonb_each', 'jsonb_each_text',
         'jsonb_object_keys', 'jsonb_array_elements', 'jsonb_array_elements_text', 'jsonb_array_length', 'jsonb_strip_nulls', 'jsonb_path_exists',
         'to_jsonb', 'length', 'octet_length', 'lower', 'upper', 'md5', 'sha256', 'hashtext', 'array_length', 'cardinality', 'unnest', 'nextval',
         'setval', 'pg_notify', 'current_setting', 'set_config', 'to_char', 'substring', 'left', 'right', 'replace', 'regexp_replace',
         'regexp_match', 'regexp_matches', 'split_part', 'btrim', 'gen_random_uuid', 'pg_has_role', 'encode', 'decode', 'convert_to', 'array_append',
         'array_remove', 'generate_series', 'date_part', 'date_trunc', 'abs', 'pg_try_advisory_xact_lock', 'pg_advisory_xact_lock', 'int8', 'text'])
  loop
    begin
      execute format('create function evil.%I(%s) returns %s language plpgsql as %L', it.proname, it.args, it.answer,
        case when it.proretset then hurt else trap end);
    exception when others then null;     -- A signature of pseudo types cannot be written in this language.
    end;
  end loop;
  foreach it.proname in array array['text', 'jsonb', 'interval', 'bigint', 'uuid', 'timestamptz'] loop
    execute format('create domain evil.%I as pg_catalog.%I check (evil.lower(''a'') is null)', it.proname, case it.proname when 'bigint' then 'int8' else it.proname end);
  end loop;
  -- The doors themselves once more, nearer by type than the true ones.
  for it in
    select p.proname, pg_get_function_identity_arguments(p.oid) as args from pg_proc p
     where p.pronamespace = 'backstay'::regnamespace and p.prokind = 'f' and pg_get_function_identity_arguments(p.oid) !~ 'standing|shape|OUT '
  loop
    execute format('create function evil.%I(%s) returns text language plpgsql as %L', it.proname, it.args, trap);
  end loop;
end
$$;

-- What a careless definer function would be; the traps must catch it, or they catch nothing.
create function evil.careless() returns boolean language plpgsql security definer as $$
begin
  return lower('a') = 'a'::pg_catalog.text;
end
$$;
alter function evil.careless() owner to backstay_owner;
grant usage on schema evil to backstay_owner;
