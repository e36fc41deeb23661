-- A duration in milliseconds: "1h30m" (ms s m h d w), or the text of an interval without months and years.
-- needs: inner/refuse.sql
create or replace function backstay.read_duration(option text, value jsonb, low_ms bigint default 1, high_ms bigint default 315619200000) returns bigint
language plpgsql stable as $$
declare
  said  text := value #>> '{}';
  ms    numeric;
  span  interval;
begin
  if jsonb_typeof(value) not in ('string', 'number') then
    perform backstay.refuse('BS102', format('option "%s" must be a duration', option), value::text, 'write it like "90s" or "1h30m"');
  elsif said ~ '^\s*-?\d+(\.\d+)?\s*$' then
    perform backstay.refuse('BS102', format('option "%s" has no unit', option), said, format('did you mean "%ss"?', btrim(said)));
  elsif said ~ '^(\d{1,15}(ms|s|m|h|d|w))+$' then
    select sum(part[1]::numeric * case part[2] when 'ms' then 1 when 's' then 1000 when 'm' then 60000 when 'h' then 3600000
                                               when 'd' then 86400000 else 604800000 end)
      into ms from regexp_matches(said, '(\d+)(ms|s|m|h|d|w)', 'g') part;
  else
    begin
      span := said::interval;
    exception when data_exception then
      span := null;
    end;
    if span is null then
      perform backstay.refuse('BS102', format('option "%s" is not a duration', option), said, 'write it like "90s" or "1h30m"; units are ms s m h d w');
    elsif extract(year from span) <> 0 or extract(month from span) <> 0 then
      perform backstay.refuse('BS102', format('option "%s" has months or years, which have no fixed length', option), said, 'write days');
    end if;
    ms := trunc(extract(epoch from span) * 1000);
  end if;
  if ms < low_ms then
    perform backstay.refuse('BS102', format('option "%s" is %s', option, case when ms < 0 then 'negative' else 'too short' end), said,
      format('the least is "%s"', case when low_ms % 1000 = 0 then low_ms / 1000 || 's' else low_ms || 'ms' end));
  elsif ms > high_ms then
    perform backstay.refuse('BS102', format('option "%s" is too long', option), said,
      format('the most is "%s"', case when high_ms % 86400000 = 0 then high_ms / 86400000 || 'd'
                                      when high_ms % 60000 = 0 then high_ms / 60000 || 'm' else high_ms || 'ms' end));
  end if;
  return ms;
end
$$;
revoke all on function backstay.read_duration(text, jsonb, bigint, bigint) from public;
