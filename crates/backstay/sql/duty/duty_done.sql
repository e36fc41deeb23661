-- Notes that duties went well, for every other worker to see.
-- moves: none                          role: worker
-- $1 names text[], $2 worker uuid, $3 ms int[]
insert into backstay.duty as d (name, last_ok_at, last_worker, last_ms)
select n.name, statement_timestamp(), $2::uuid, n.ms from unnest($1::text[], $3::int[]) n(name, ms) order by n.name
on conflict (name) do update set last_ok_at = excluded.last_ok_at, last_worker = excluded.last_worker, last_ms = excluded.last_ms
