-- One entry of `skipped` in the answer of a verb.
create or replace function backstay.skip(id text, code text) returns jsonb
language sql immutable as $$
  select jsonb_build_array(jsonb_build_object('id', id, 'code', code))
$$;
revoke all on function backstay.skip(text, text) from public;
