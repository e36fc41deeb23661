-- A name of a kind, queue or schedule: 1 to 128 of [A-Za-z0-9_.:-]. `what` says which, for the message.
-- needs: inner/refuse.sql
create or replace function backstay.read_name(what text, value text) returns text
language plpgsql immutable as $$
begin
  -- Trimming is several times faster than a regular expression, and this is in every enqueue.
  if length(value) between 1 and 128 and btrim(value, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-') = '' then
    return value;
  end if;
  if value is null then
    perform backstay.refuse('BS103', format('%s is null', what), null, 'give a name');
  elsif value = '' then
    perform backstay.refuse('BS103', format('%s is empty', what), null, 'a name has 1 to 128 of A-Z a-z 0-9 _ . : -');
  elsif length(value) > 128 then
    perform backstay.refuse('BS103', format('%s is longer than 128 characters', what), value, 'give a shorter name');
  end if;
  perform backstay.refuse('BS103', format('%s has %s at character %s', what,
    to_json(substr(regexp_replace(value, '^[A-Za-z0-9_.:-]*', ''), 1, 1)),
    length(value) - length(regexp_replace(value, '^[A-Za-z0-9_.:-]*', '')) + 1),
    value, 'a name has 1 to 128 of A-Z a-z 0-9 _ . : -');
  return null;
end
$$;
revoke all on function backstay.read_name(text, text) from public;
