-- Args must be a JSON object, not too large as text and nothing in them at level 64 or deeper (the top is 0).
-- NUL and lone surrogates never come this far: jsonb refuses them when it is read.
-- needs: inner/refuse.sql
create or replace function backstay.check_args(args jsonb, most_bytes int) returns void
language plpgsql as $$
declare
  bytes int := octet_length(args::text);
begin
  if args is null then
    perform backstay.refuse('BS104', 'args is null', null, 'give a JSON object; {} for none');
  elsif jsonb_typeof(args) <> 'object' then
    perform backstay.refuse('BS104', format('args must be a JSON object, not %s', jsonb_typeof(args)), null, 'wrap it: {"value": ...}');
  elsif bytes > most_bytes then
    perform backstay.refuse('BS105', format('args have %s bytes, at most %s are allowed', bytes, most_bytes), null,
      'store the data elsewhere and pass a reference');
  elsif bytes > 127 and jsonb_path_exists(args, '$.**{64}') then
    perform backstay.refuse('BS106', 'args are nested 64 levels deep or more', null, 'flatten them, or store the data elsewhere and pass a reference');
  end if;
end
$$;
revoke all on function backstay.check_args(jsonb, int) from public;
