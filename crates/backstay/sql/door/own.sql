-- Says who looks after a group of dead letters, or that nobody does any more: a null owner. It stays so when the group opens again.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/read_text.sql inner/record.sql inner/tally.sql inner/skip.sql
create or replace function backstay.own(fingerprint text, owner text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  reason text := backstay.read_reason(options, array[]::text[]);
  who    text := case when own.owner is not null then backstay.read_text('owner', to_jsonb(own.owner), 128) end;
  was    text;
begin
  select g.owner into was from backstay.dead_group g where g.fingerprint = own.fingerprint for update;
  update backstay.dead_group g set owner = who where g.fingerprint = own.fingerprint;
  if not found then
    -- Its deaths are not counted yet.
    insert into backstay.dead_group as g (fingerprint, kind, reason, title, first_at, last_at, count, sample, owner)
    select d.fingerprint, d.kind, d.reason, d.title, d.died_at, d.died_at, 0, d.id, who
      from backstay.dead_letter d where d.fingerprint = own.fingerprint order by d.died_at desc limit 1
        on conflict (fingerprint) do update set owner = excluded.owner;
  end if;
  if not found then
    return backstay.tally(0, backstay.skip(own.fingerprint, 'BS301'));
  end if;
  perform backstay.record('own', own.fingerprint, reason, 1, null, jsonb_build_object('owner', was), jsonb_build_object('owner', who));
  return backstay.tally(1);
end
$$;
revoke all on function backstay.own(text, text, jsonb) from public;
