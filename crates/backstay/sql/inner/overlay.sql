-- Options on top of options: what is said above wins, null counts as left out, and of two ways to say the same
-- (run_in and run_at, expires_in and expires_at) the one above takes the place of the other.
create or replace function backstay.overlay(under jsonb, over jsonb) returns jsonb
language plpgsql immutable as $$
begin
  if over is null or over in ('{}', 'null') then
    return coalesce(under, '{}');
  end if;
  if over @? '$.* ? (@ == null)' then
    select coalesce(jsonb_object_agg(o.key, o.value), '{}') into over from jsonb_each(over) o where o.value <> 'null';
  end if;
  if over ?| array['run_in', 'run_at'] then
    under := under - array['run_in', 'run_at'];
  end if;
  if over ?| array['expires_in', 'expires_at'] then
    under := under - array['expires_in', 'expires_at'];
  end if;
  return coalesce(under, '{}') || over;
end
$$;
revoke all on function backstay.overlay(jsonb, jsonb) from public;
