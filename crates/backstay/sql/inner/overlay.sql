-- Options on top of options: what is said above wins, null counts as left out, and of two ways to say the same
-- (run_in and run_at, expires_in and expires_at) the one above takes the place of the other.
create or replace function backstay.overlay(under jsonb, over jsonb) returns jsonb
language sql immutable as $$
  select case when over is null or over in ('{}', 'null') then coalesce(under, '{}')
              else coalesce(under, '{}')
                   - case when over ?| array['run_in', 'run_at'] then array['run_in', 'run_at'] else '{}' end
                   - case when over ?| array['expires_in', 'expires_at'] then array['expires_in', 'expires_at'] else '{}' end
                   || case when over @? '$.* ? (@ == null)'
                           then (select coalesce(jsonb_object_agg(o.key, o.value), '{}') from jsonb_each(over) o where o.value <> 'null')
                           else over end end
$$;
revoke all on function backstay.overlay(jsonb, jsonb) from public;
