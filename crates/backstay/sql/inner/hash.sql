-- The 32 bytes under which a key is held: SHA-256 over its scope (`unique`, `once`), the kind ('' for `once`) and the key.
create or replace function backstay.hash(scope text, kind text, key text) returns bytea
language sql immutable as $$
  select sha256(convert_to(scope || e'\x1f' || kind || e'\x1f' || key, 'UTF8'))
$$;
revoke all on function backstay.hash(text, text, text) from public;
