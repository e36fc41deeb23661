-- When something ends that was given `for_in` or `until_at`; null if neither is there. It must lie ahead.
-- needs: inner/refuse.sql inner/read_duration.sql inner/read_instant.sql inner/clock.sql
create or replace function backstay.read_end(options jsonb) returns timestamptz
language plpgsql as $$
declare
  span    jsonb := nullif(options -> 'for_in', 'null');
  instant jsonb := nullif(options -> 'until_at', 'null');
  till    timestamptz;
begin
  if span is not null and instant is not null then
    perform backstay.refuse('BS102', 'options "for_in" and "until_at" say the same', null, 'give one of them');
  elsif span is not null then
    return backstay.clock() + backstay.read_duration('for_in', span) * interval '1 ms';
  elsif instant is not null then
    till := backstay.read_instant('until_at', instant);
    if till <= backstay.clock() then
      perform backstay.refuse('BS102', 'option "until_at" has passed', instant #>> '{}', 'give a later instant');
    end if;
  end if;
  return till;
end
$$;
revoke all on function backstay.read_end(jsonb) from public;
