-- The answer of an operator's verb: how many it acted on, and which it passed over with what code.
create or replace function backstay.tally(affected bigint, skipped jsonb default '[]') returns jsonb
language sql immutable as $$
  select jsonb_build_object('count', affected, 'skipped', coalesce(skipped, '[]'))
$$;
revoke all on function backstay.tally(bigint, jsonb) from public;
