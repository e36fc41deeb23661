-- Makes a token of the HTTP API known by its hash; the token itself never comes here. At most 1,000 are valid at a time.
-- role: operator
-- options: reason name scopes expires_in (90d)
-- needs: inner/read_reason.sql inner/read_name.sql inner/read_duration.sql inner/refuse.sql inner/record.sql inner/clock.sql
create or replace function backstay.create_token(id text, hash text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  reason text := backstay.read_reason(create_token.options, array['name', 'scopes', 'expires_in']);
  called text := backstay.read_name('the name of a token', create_token.options ->> 'name');
  asked  jsonb := create_token.options -> 'scopes';
  scopes text[];
  wrong  text;
  till   timestamptz := backstay.clock() + interval '1 ms' * backstay.read_duration('expires_in',
           coalesce(nullif(create_token.options -> 'expires_in', 'null'), '"90d"'), 1000, 63244800000);
begin
  if create_token.id !~ '^[0-9a-z]{8}$' or create_token.hash !~ '^[0-9a-f]{64}$' then
    perform backstay.refuse('BS102', 'a token has an id of 8 letters or digits and a SHA-256 in hexadecimal', null, 'backstay tokens create makes them');
  elsif jsonb_typeof(asked) is distinct from 'array' or jsonb_array_length(asked) not between 1 and 32 then
    perform backstay.refuse('BS102', 'option "scopes" must be a list of 1 to 32 texts', asked::text, 'write it like ["read", "enqueue:reports"]');
  end if;
  select array_agg(distinct s), min(s) filter (where s !~ '^(read|operate|admin|audit|enqueue|enqueue:[A-Za-z0-9_.:-]{1,128})$')
    into scopes, wrong from jsonb_array_elements_text(asked) s;
  if wrong is not null then
    perform backstay.refuse('BS102', format('`%s` is no scope', left(wrong, 64)), wrong, 'scopes are read, operate, admin, audit, enqueue and enqueue:QUEUE');
  elsif (select count(*) from (select from backstay.token t where t.revoked_at is null and t.expires_at > backstay.clock() limit 1000) x) >= 1000 then
    perform backstay.refuse('BS109', 'there are 1000 valid tokens already', null, 'revoke those that nobody uses');
  end if;
  insert into backstay.token (id, hash, name, scopes, created_at, created_by, expires_at)
  values (create_token.id, create_token.hash, called, scopes, backstay.clock(), session_user, till);
  perform backstay.record('create_token', create_token.id, reason, 1, null, null,
    jsonb_build_object('name', called, 'scopes', scopes, 'expires_at', till));
  return jsonb_build_object('id', create_token.id, 'name', called, 'scopes', scopes, 'expires_at', till);
end
$$;
revoke all on function backstay.create_token(text, text, jsonb) from public;
