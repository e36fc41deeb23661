-- Whose token has this hash, and what it may; null where it is unknown, past its time or revoked. Notes the day of its use.
-- role: viewer, operator
-- needs: inner/clock.sql
create or replace function backstay.know_token(id text, hash text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  found backstay.token;
  today date := (backstay.clock() at time zone 'UTC')::date;
begin
  select t.* into found from backstay.token t
   where t.id = know_token.id and t.hash = know_token.hash and t.revoked_at is null and t.expires_at > backstay.clock();
  if found.id is null then
    return null;
  end if;
  if found.used_on is distinct from today and not pg_is_in_recovery() then
    update backstay.token t set used_on = today where t.id = found.id;
  end if;
  return jsonb_build_object('id', found.id, 'name', found.name, 'scopes', found.scopes);
end
$$;
revoke all on function backstay.know_token(text, text) from public;
