-- A priority: 0 (first) to 9, or one of the four words.
-- needs: inner/refuse.sql inner/nearest.sql
create or replace function backstay.read_priority(value jsonb) returns smallint
language plpgsql immutable as $$
declare
  said text := value #>> '{}';
begin
  if jsonb_typeof(value) = 'number' and said ~ '^[0-9]$' then
    return said::smallint;
  elsif jsonb_typeof(value) = 'string' and said in ('urgent', 'high', 'normal', 'low') then
    return case said when 'urgent' then 0 when 'high' then 2 when 'normal' then 5 else 8 end;
  end if;
  perform backstay.refuse('BS102', 'option "priority" must be 0 to 9 or urgent, high, normal, low', value::text,
    case when jsonb_typeof(value) = 'string' and said ~ '^[0-9]$' then format('write %s without quotes', said)
         when jsonb_typeof(value) = 'number' then format('the nearest is %s', greatest(0, least(9, round(value::numeric))))
         else 'did you mean "' || backstay.nearest(said, array['urgent', 'high', 'normal', 'low']) || '"?' end);
  return null;
end
$$;
revoke all on function backstay.read_priority(jsonb) from public;
