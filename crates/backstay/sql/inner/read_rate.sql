-- A rate: "100/1m", so many (1 to 1,000,000) per duration (1 s to 24 h).
-- needs: inner/refuse.sql inner/read_duration.sql
create or replace function backstay.read_rate(option text, value jsonb, out per_count int, out per_ms bigint)
language plpgsql as $$
declare
  part text[] := regexp_match(value #>> '{}', '^([1-9]\d{0,6})/(.+)$');
begin
  if jsonb_typeof(value) <> 'string' or part is null or part[1]::int > 1000000 then
    perform backstay.refuse('BS102', format('option "%s" is not a rate', option), value::text, 'write it like "60/1m", 1 to 1000000 per 1s to 24h');
  end if;
  per_count := part[1];
  per_ms := backstay.read_duration(option, to_jsonb(case when part[2] in ('s', 'm', 'h', 'd') then '1' || part[2] else part[2] end), 1000, 86400000);
end
$$;
revoke all on function backstay.read_rate(text, jsonb) from public;
