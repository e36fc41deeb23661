-- Who sits behind a session, and what it allows: what its token allows now. Null where it has ended, or its token has.
-- role: viewer, operator
-- needs: inner/clock.sql
create or replace function backstay.know_session(session text) returns jsonb
language sql stable security definer set search_path = pg_catalog, backstay, pg_temp as $$
  select jsonb_build_object('id', t.id, 'name', t.name, 'scopes', t.scopes)
    from backstay.session s join backstay.token t on t.id = s.token_id
   where s.hash = know_session.session and s.expires_at > backstay.clock()
     and t.revoked_at is null and t.expires_at > backstay.clock()
$$;
revoke all on function backstay.know_session(text) from public;
