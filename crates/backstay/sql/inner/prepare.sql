-- Makes a call's shape ready to be accepted: options resolved, each element checked, named by its number where it has
-- one, with an id and its keys. `keys` and `once_keys` are what elements say themselves, in place of the shared options.
-- needs: inner/shape.sql inner/check_args.sql inner/check_keys.sql inner/key_by.sql inner/hash.sql inner/redact.sql inner/refuse.sql
create or replace function backstay.prepare(job_kind text, options jsonb, args jsonb[], numbers int[], keys text[] default null, once_keys text[] default null)
returns backstay.shape
language plpgsql as $$
declare
  s      backstay.shape;
  at     int;
  code   text;
  said   text;
  value  text;
  advice text;
  labels text[];
  secret text[];
begin
  if numbers is null then
    s := backstay.shape(job_kind, options);
    perform backstay.check_args(args[1], s.args_max);
    s.ids := array[nextval('backstay.entry_seq')];
  else
    begin
      s := backstay.shape(job_kind, options);
      select min(e.n) into at from unnest(args) with ordinality e(args, n)
       where case when jsonb_typeof(e.args) = 'object' then octet_length(e.args::text) > 127
                   and (octet_length(e.args::text) > s.args_max or jsonb_path_exists(e.args, '$.**{64}')) else true end;
      if at is not null then
        perform backstay.check_args(args[at], s.args_max);
      end if;
    exception when others then
      get stacked diagnostics code = returned_sqlstate, said = message_text, value = pg_exception_detail, advice = pg_exception_hint;
      if code !~ '^BS\d\d\d$' then
        raise;
      end if;
      perform backstay.refuse(code, format('job %s: %s', numbers[coalesce(at, 1)], said), value, advice);
    end;
    s.ids := array(select nextval('backstay.entry_seq') from generate_series(1, cardinality(numbers)));
  end if;
  s.args := args;
  s.numbers := numbers;
  s.keyed := s.unique_key is not null or s.unique_by is not null or s.unique_args or s.once_key is not null or once_keys is not null;

  if s.group_by is not null then
    s.group_keys := array(select backstay.key_by(a, s.group_by) from unnest(args) a);
  end if;
  if s.limit_by is not null then
    s.limit_keys := array(select backstay.key_by(a, s.limit_by) from unnest(args) a);
  end if;
  if keys is not null or once_keys is not null or s.group_keys is not null or s.limit_keys is not null then
    perform backstay.check_keys(keys, once_keys, s.group_keys, s.limit_keys, numbers);
  end if;
  if s.unique_key is not null and keys is null then
    s.labels := array_fill(s.unique_key, array[cardinality(args)]);
    s.hashes := array_fill(backstay.hash('unique', s.kind, s.unique_key), array[cardinality(args)]);
  elsif s.unique_by is not null or s.unique_args then
    select array_agg(left(k.key, 1024) order by k.n), array_agg(backstay.hash('unique', s.kind, k.key) order by k.n) into s.labels, s.hashes
      from (select coalesce(e.key, case when s.unique_args then e.args::text else backstay.key_by(e.args, s.unique_by) end), e.n
              from unnest(args, keys) with ordinality e(args, key, n)) k(key, n);
    -- People see the label, so what the views hide of args is hidden in it, too; the list of words is that of `redact`.
    labels := s.labels;
    secret := (select k.sensitive from backstay.kind k where k.name = s.kind);
    for at in
      select e.n from unnest(args, keys) with ordinality e(args, key, n)
       where e.key is null
         and (secret <> '{}' or e.args::text ~* 'password|passwd|secret|token|api_?key|authorization|cookie|card|iban|ssn')
    loop
      labels[at] := left(case when s.unique_args then backstay.redact(args[at], secret)::text
                              else backstay.key_by(backstay.redact(args[at], secret), s.unique_by) end, 1024);
    end loop;
    s.labels := labels;
  end if;
  if s.once_key is not null or once_keys is not null then
    s.once := array(select backstay.hash('once', '', coalesce(e.once, s.once_key)) from unnest(args, once_keys) e(args, once));
    s.once_args := array(select backstay.hash('args', s.kind, e.args::text) from unnest(args) e(args));
  end if;
  return s;
end
$$;
revoke all on function backstay.prepare(text, jsonb, jsonb[], int[], text[], text[]) from public;
