-- What is left of JSON pointers one level further down: those that go through `word`, without it. One that ends there
-- is left empty.
create or replace function backstay.step_into(pointers text[], word text) returns text[]
language sql immutable as $$
  select coalesce(array_agg(case when p ~ '^!' then '!' else '' end || substr(ltrim(p, '!'), length(split_part(ltrim(p, '!'), '/', 2)) + 2)), '{}')
    from unnest(pointers) p
   where split_part(ltrim(p, '!'), '/', 2) in ('*', replace(replace(word, '~', '~0'), '/', '~1'))
$$;
revoke all on function backstay.step_into(text[], text) from public;
