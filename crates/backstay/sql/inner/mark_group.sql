-- Sets how people see a dead group. A group whose deaths are not folded yet is made here, with nothing counted.
-- needs: inner/clock.sql inner/doer.sql
create or replace function backstay.mark_group(fingerprint text, state text, note text, until timestamptz) returns boolean
language plpgsql as $$
#variable_conflict use_column
begin
  update backstay.dead_group g set state = mark_group.state, by = backstay.doer(), note = mark_group.note, until = mark_group.until
   where g.fingerprint = mark_group.fingerprint;
  if not found then
    insert into backstay.dead_group as g (fingerprint, kind, reason, title, first_at, last_at, count, sample, state, by, note, until)
    select d.fingerprint, d.kind, d.reason, d.title, d.died_at, d.died_at, 0, d.id, mark_group.state, backstay.doer(), mark_group.note, mark_group.until
      from backstay.dead_letter d where d.fingerprint = mark_group.fingerprint order by d.died_at desc limit 1
        on conflict (fingerprint) do update set state = excluded.state, by = excluded.by, note = excluded.note, until = excluded.until;
  end if;
  return found;
end
$$;
revoke all on function backstay.mark_group(text, text, text, timestamptz) from public;
