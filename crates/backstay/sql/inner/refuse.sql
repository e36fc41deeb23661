-- Ends the call with one of our codes: what is wrong, the value (cut, never args), and what to do.
create or replace function backstay.refuse(code text, message text, detail text default null, hint text default null) returns void
language plpgsql as $$
begin
  raise exception using
    errcode = code,
    message = message,
    detail = coalesce(left(detail, 200), ''),
    hint = coalesce(hint, '');
end
$$;
revoke all on function backstay.refuse(text, text, text, text) from public;
