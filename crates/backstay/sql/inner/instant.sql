-- An instant as documents show it: RFC 3339 in UTC with Z, fractions only where there are any.
create or replace function backstay.instant(at timestamptz) returns text
language sql stable as $$
  select replace(to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z')
$$;
revoke all on function backstay.instant(timestamptz) from public;
