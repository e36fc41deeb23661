-- A key made of top-level args: their values as a JSON list, a missing one as null.
create or replace function backstay.key_by(args jsonb, names text[]) returns text
language sql immutable as $$
  select '[' || string_agg(coalesce((args -> b.name)::text, 'null'), ',' order by b.at) || ']'
    from unnest(names) with ordinality b(name, at)
$$;
revoke all on function backstay.key_by(jsonb, text[]) from public;
