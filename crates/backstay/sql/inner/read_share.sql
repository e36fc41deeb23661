-- A share from 0 to 1, also written "20%".
-- needs: inner/refuse.sql
create or replace function backstay.read_share(option text, value jsonb) returns real
language plpgsql as $$
declare
  said  text := value #>> '{}';
  share numeric;
begin
  if jsonb_typeof(value) = 'number' then
    share := said::numeric;
  elsif said ~ '^\d{1,3}(\.\d{1,4})?%$' then
    share := rtrim(said, '%')::numeric / 100;
  end if;
  if share is null or share not between 0 and 1 then
    perform backstay.refuse('BS102', format('option "%s" must be a share from 0 to 1', option), value::text, 'write 0.2 or "20%"');
  end if;
  return share;
end
$$;
revoke all on function backstay.read_share(text, jsonb) from public;
