-- Checks the keys that elements of one call have each for themselves; names the first element whose key will not do.
-- needs: inner/refuse.sql inner/read_text.sql
create or replace function backstay.check_keys(keys text[], once_keys text[], group_keys text[], limit_keys text[], numbers int[]) returns void
language plpgsql as $$
declare
  bad  record;
  lead text;
begin
  select k.* into bad from unnest(keys, once_keys, group_keys, limit_keys) with ordinality k(key, once, group_key, limit_key, n)
   where octet_length(k.key) not between 1 and 1024 or k.key ~ '[\u0001-\u001f\u007f]'
      or octet_length(k.once) not between 1 and 1040 or replace(k.once, e'\x1f', '') ~ '[\u0001-\u001f\u007f]'
      or octet_length(k.group_key) > 256 or octet_length(k.limit_key) > 256
   order by k.n limit 1;
  if not found then
    return;
  end if;
  lead := coalesce('job ' || numbers[bad.n] || ': ', '');
  if octet_length(bad.group_key) > 256 or octet_length(bad.limit_key) > 256 then
    perform backstay.refuse('BS102', lead || 'the args that make its group or limit key have more than 256 bytes', null,
      'name other args in the kind''s contract, or give the key as an option');
  end if;
  perform backstay.refuse('BS102', lead || 'its unique or idempotency key must have 1 to 1024 bytes and no control character', null,
    'give a shorter text, for instance a hash of it');
end
$$;
revoke all on function backstay.check_keys(text[], text[], text[], text[], int[]) from public;
