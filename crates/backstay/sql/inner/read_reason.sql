-- Checks a verb's options against those it knows and answers its `reason`, which some verbs insist on.
-- needs: inner/known.sql inner/refuse.sql
create or replace function backstay.read_reason(options jsonb, names text[], required boolean default false) returns text
language plpgsql as $$
declare
  said text;
begin
  perform backstay.known(options, array['reason'] || names);
  said := nullif(btrim(options ->> 'reason'), '');
  if said is null and required then
    perform backstay.refuse('BS305', 'a reason is required', null, 'add {"reason": "..."}: it is kept in the audit');
  elsif jsonb_typeof(options -> 'reason') not in ('string', 'null') or octet_length(said) > 1024 then
    perform backstay.refuse('BS102', 'option "reason" must be a text of at most 1024 bytes', options ->> 'reason');
  end if;
  return said;
end
$$;
revoke all on function backstay.read_reason(jsonb, text[], boolean) from public;
