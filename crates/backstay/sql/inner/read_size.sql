-- A size in bytes: "512MiB", units KiB MiB GiB.
-- needs: inner/refuse.sql
create or replace function backstay.read_size(option text, value jsonb, low bigint, high bigint) returns bigint
language plpgsql immutable as $$
declare
  said  text := value #>> '{}';
  part  text[] := regexp_match(said, '^(\d{1,12})(KiB|MiB|GiB)$');
  bytes numeric;
begin
  if part is null or jsonb_typeof(value) <> 'string' then
    part := regexp_match(said, '^\s*(\d{1,12})\s*([KkMmGg]?)[Ii]?[Bb]?\s*$');
    perform backstay.refuse('BS102', format('option "%s" is not a size', option), value::text,
      coalesce('write "' || part[1] || coalesce(nullif(upper(part[2]), ''), 'M') || 'iB"', 'write it like "512MiB"; units are KiB MiB GiB'));
  end if;
  bytes := part[1]::numeric * case part[2] when 'KiB' then 1024 when 'MiB' then 1048576 else 1073741824 end;
  if bytes < low or bytes > high then
    perform backstay.refuse('BS102', format('option "%s" is too %s', option, case when bytes < low then 'small' else 'large' end), said,
      format('from %s MiB to %s MiB', low / 1048576, high / 1048576));
  end if;
  return bytes;
end
$$;
revoke all on function backstay.read_size(text, jsonb, bigint, bigint) from public;
