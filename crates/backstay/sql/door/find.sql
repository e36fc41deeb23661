-- The job that holds a unique key of a kind, or null. A key made by args is written as its JSON list: '[7,"2026-11"]'.
-- role: enqueuer (its own jobs), viewer, operator
-- needs: inner/hash.sql inner/holds.sql inner/standing.sql inner/clock.sql
create or replace function backstay.find(kind text, unique_key text) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set jit = off as $$
declare
  holder bigint;
begin
  select u.job_id into holder from backstay.unique_key u
   where u.hash = backstay.hash('unique', find.kind, find.unique_key)
     and (u.expires_at is null or u.expires_at > backstay.clock())
     and (u.until <> 'started' or exists (select from backstay.standing s where s.job_id = u.job_id and s.attempt = 0));
  if backstay.holds('backstay_viewer', 'backstay_operator')
     or exists (select from backstay.job j where j.id = holder and j.enqueued_by = session_user)
     or exists (select from backstay.history h where h.job_id = holder and h.enqueued_by = session_user)
     or exists (select from backstay.dead_letter d where d.id = holder and d.enqueued_by = session_user) then
    return holder;
  end if;
  return null;
end
$$;
revoke all on function backstay.find(text, text) from public;
