-- Says which channels the worker has that tells alerts; those of other settings are forgotten.
-- moves: none                          role: worker
-- $1 names text[]
with gone as (delete from backstay.channel c where c.name <> all($1::text[]))
insert into backstay.channel (name, seen_at)
select n.name, statement_timestamp() from unnest($1::text[]) n(name) order by n.name
on conflict (name) do update set seen_at = excluded.seen_at
