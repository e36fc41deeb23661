-- JSON as people may see it: *** in place of every value whose key sounds like a secret, or that one of the kind's
-- pointers names ("/card", "/users/*/email"; `*` stands for one level). A pointer with ! in front keeps its value visible.
create or replace function backstay.redact(doc jsonb, pointers text[]) returns jsonb
language plpgsql immutable as $$
declare
  word   text;
  value  jsonb;
  below  text[];
  hidden boolean;
  clean  jsonb;
begin
  if jsonb_typeof(doc) = 'object' then
    clean := '{}';
    for word, value in select e.key, e.value from jsonb_each(doc) e loop
      below := backstay.step_into(pointers, word);
      hidden := (word ~* 'password|passwd|secret|token|api_?key|authorization|cookie|card|iban|ssn' or '' = any (below)) and not '!' = any (below);
      clean := clean || jsonb_build_object(word, case when hidden then '"***"' else backstay.redact(value, below) end);
    end loop;
    return clean;
  elsif jsonb_typeof(doc) = 'array' then
    return (select coalesce(jsonb_agg(case when '' = any (s.below) then '"***"' else backstay.redact(e.value, s.below) end order by e.n), '[]')
              from jsonb_array_elements(doc) with ordinality e(value, n)
             cross join lateral (select backstay.step_into(pointers, (e.n - 1)::text)) s(below));
  end if;
  return doc;
end
$$;
revoke all on function backstay.redact(jsonb, text[]) from public;
