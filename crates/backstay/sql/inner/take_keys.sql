-- Takes keys for jobs, in the order of the hashes so that two calls never wait for one another in a circle. Answers, for
-- each key that another job holds, its position and holder. Nothing is locked but what is won: a holder's end never waits.
-- A key is taken over when its period is over, and an `until started` key when its job has started or is gone.
-- plan: unique_key by its primary key, whatever the statistics say: `contend` sees to it
-- needs: inner/standing.sql inner/clock.sql
create or replace function backstay.take_keys(hashes bytea[], ids bigint[], untils text[], expires timestamptz[], args_hashes bytea[])
returns table (at int, holder bigint, holder_args bytea)
language plpgsql as $$
#variable_conflict use_column
declare
  won     int;
  missing boolean;
  over    boolean;
begin
  for turn in 1 .. 5 loop
    insert into backstay.unique_key (hash, job_id, expires_at, until, args_hash)
    select distinct on (k.hash) k.hash, k.id, k.expires_at, k.until, k.args_hash
      from unnest(hashes, ids, untils, expires, args_hashes) with ordinality k(hash, id, until, expires_at, args_hash, n)
     where k.hash is not null and k.id is not null
     order by k.hash, k.n
        on conflict (hash) do nothing;
    get diagnostics won = row_count;
    if won = cardinality(hashes) then
      return;
    end if;
    select bool_or(u.hash is null), bool_or(u.job_id <> k.id and (u.expires_at <= backstay.clock() or u.until = 'started')) into missing, over
      from unnest(hashes, ids) k(hash, id) left join backstay.unique_key u on u.hash = k.hash
     where k.hash is not null and k.id is not null;
    if over then
      with mine as materialized (
             select distinct on (k.hash) k.hash, k.id, k.until, k.expires_at, k.args_hash
               from unnest(hashes, ids, untils, expires, args_hashes) with ordinality k(hash, id, until, expires_at, args_hash, n)
              where k.hash is not null and k.id is not null order by k.hash, k.n),
           given_up as materialized (
             select u.hash, u.job_id from mine m join backstay.unique_key u on u.hash = m.hash
              where u.job_id <> m.id
                and (u.expires_at <= backstay.clock()
                     or u.until = 'started' and not exists (select from backstay.standing s where s.job_id = u.job_id and s.attempt = 0))),
           -- Whoever took it over while this waited has a job that this snapshot cannot see: only the holder seen before counts.
           free as materialized (
             select u.hash from given_up g join backstay.unique_key u on u.hash = g.hash and u.job_id = g.job_id
              order by u.hash for update of u)
      update backstay.unique_key u set job_id = m.id, until = m.until, expires_at = m.expires_at, args_hash = m.args_hash
        from mine m join free f on f.hash = m.hash where u.hash = m.hash;
    end if;
    exit when missing is not true;
  end loop;
  if missing then
    raise exception using errcode = '40001', message = 'a unique key changed hands five times while it was asked for', hint = 'try again';
  end if;
  return query
    select k.n::int, u.job_id, u.args_hash
      from unnest(hashes, ids) with ordinality k(hash, id, n) join backstay.unique_key u on u.hash = k.hash
     where k.id is not null and u.job_id <> k.id order by k.n;
end
$$;
revoke all on function backstay.take_keys(bytea[], bigint[], text[], timestamptz[], bytea[]) from public;
