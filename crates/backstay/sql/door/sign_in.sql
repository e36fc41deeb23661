-- Begins the session of a person who shows a token that allows at least to look, be it at the audit alone; null where the token opens nothing. Either way
-- it stands in the audit, with the address. A session ends after 12 h; a token has at most 50, and the oldest makes room.
-- role: viewer, operator
-- needs: inner/refuse.sql inner/record.sql inner/clock.sql
create or replace function backstay.sign_in(id text, hash text, session text, address text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  now   timestamptz := backstay.clock();
  place jsonb := jsonb_build_object('address', left(sign_in.address, 64));
  found backstay.token;
  till  timestamptz;
begin
  if sign_in.session !~ '^[0-9a-f]{64}$' then
    perform backstay.refuse('BS102', 'a session is known by a SHA-256 in hexadecimal', null, null);
  end if;
  select t.* into found from backstay.token t
   where t.id = sign_in.id and t.hash = sign_in.hash and t.revoked_at is null and t.expires_at > now;
  if found.id is null then
    perform backstay.record('auth.failed', left(sign_in.id, 8), null, 0, null, null, place);
    return null;
  elsif not found.scopes && array['read', 'operate', 'admin', 'audit'] then
    perform backstay.refuse('BS802', format('token %s (%s) may not look at anything: it needs the scope `read`', found.id, found.name), null,
      'backstay tokens create --name NAME --scope read');
  end if;
  till := least(now + interval '12 hours', found.expires_at);
  delete from backstay.session s where s.hash in (select x.hash from backstay.session x where x.expires_at <= now limit 1000);
  delete from backstay.session s where s.hash in (
    select x.hash from backstay.session x where x.token_id = found.id order by x.made_at desc, x.hash offset 49);
  insert into backstay.session (hash, token_id, made_at, expires_at) values (sign_in.session, found.id, now, till);
  perform backstay.record('sign_in', found.id, null, 1, null, null, place || jsonb_build_object('name', found.name, 'expires_at', till));
  return jsonb_build_object('id', found.id, 'name', found.name, 'scopes', found.scopes);
end
$$;
revoke all on function backstay.sign_in(text, text, text, text) from public;
