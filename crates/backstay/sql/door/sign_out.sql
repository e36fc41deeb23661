-- Ends a session at once, and says so in the audit; one that there is not is passed over.
-- role: viewer, operator
-- needs: inner/record.sql
create or replace function backstay.sign_out(session text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  whose text;
begin
  delete from backstay.session s where s.hash = sign_out.session returning s.token_id into whose;
  if found then
    perform backstay.record('sign_out', whose, null, 1);
  end if;
  return whose is not null;
end
$$;
revoke all on function backstay.sign_out(text) from public;
