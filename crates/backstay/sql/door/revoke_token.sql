-- A token of the HTTP API is worth nothing from now on.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/record.sql inner/tally.sql inner/skip.sql inner/clock.sql
create or replace function backstay.revoke_token(id text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  reason text := backstay.read_reason(revoke_token.options, '{}');
  called text;
begin
  update backstay.token t set revoked_at = backstay.clock(), revoked_by = session_user
   where t.id = revoke_token.id and t.revoked_at is null
  returning t.name into called;
  if not found then
    return backstay.tally(0, backstay.skip(revoke_token.id,
      case when exists (select from backstay.token t where t.id = revoke_token.id) then 'BS302' else 'BS301' end));
  end if;
  perform backstay.record('revoke_token', revoke_token.id, reason, 1, null, jsonb_build_object('name', called));
  return backstay.tally(1);
end
$$;
revoke all on function backstay.revoke_token(text, jsonb) from public;
