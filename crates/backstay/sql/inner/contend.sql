-- Takes the keys of all elements of a call, idempotency keys first, and settles each conflict by its own rule. An element
-- that gives way loses its id and gets a holder. Whoever gives way to another element of the call is seen to by `accept`.
-- needs: inner/take_keys.sql inner/replace.sql inner/refuse.sql inner/clock.sql
create or replace function backstay.contend(shapes backstay.shape[]) returns backstay.shape[]
language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now      timestamptz := backstay.clock();
  s        backstay.shape;
  -- All elements of all shapes, one after the other.
  which    int[];
  spots    int[];
  ids      bigint[];
  asked    bigint[];
  holders  bigint[];
  hashes   bytea[];
  once     bytea[];
  digests  bytea[];
  untils   text[];
  expires  timestamptz[];
  lost     record;
  lead     text;
  again    boolean;
  loaded   int;
  first_at int := 1;
begin
  if cardinality(shapes) = 1 then
    s := shapes[1];
    ids := s.ids;
    hashes := s.hashes;
    once := s.once;
    digests := s.once_args;
    which := array_fill(1, array[cardinality(ids)]);
    spots := array(select generate_series(1, cardinality(ids)));
    untils := array_fill(s.until, array[cardinality(ids)]);
    expires := array_fill(now + s.period_ms * interval '1 ms', array[cardinality(ids)]);
  else
    select array_agg(e.k order by e.k, e.i), array_agg(e.i order by e.k, e.i), array_agg(e.id order by e.k, e.i),
           array_agg(e.hash order by e.k, e.i), array_agg(e.once order by e.k, e.i), array_agg(e.digest order by e.k, e.i),
           array_agg(e.until order by e.k, e.i), array_agg(now + e.period_ms * interval '1 ms' order by e.k, e.i)
      into which, spots, ids, hashes, once, digests, untils, expires
      from (select p.ordinality, p.until, p.period_ms, u.* from unnest(shapes) with ordinality p
             cross join lateral unnest(p.ids, p.hashes, p.once, p.once_args) with ordinality u) e(k, until, period_ms, id, hash, once, digest, i);
  end if;
  asked := ids;
  holders := array_fill(null::bigint, array[cardinality(ids)]);

  if array_remove(once, null) <> '{}' then
    for lost in select * from backstay.take_keys(once, ids, array_fill('period'::text, array[cardinality(ids)]),
                                                 array_fill(now + interval '24 hours', array[cardinality(ids)]), digests) loop
      if lost.holder_args is distinct from digests[lost.at] then
        lead := coalesce('job ' || (shapes[which[lost.at]]).numbers[spots[lost.at]] || ': ', '');
        perform backstay.refuse('BS111', lead || 'its idempotency key was used for another job',
          format('job %s has the key, with another kind or other args', lost.holder), 'give each job a key of its own');
      end if;
      ids[lost.at] := null;
      holders[lost.at] := lost.holder;
    end loop;
  end if;

  if array_remove(hashes, null) <> '{}' then
    for turn in 1 .. 5 loop
      again := false;
      for lost in select * from backstay.take_keys(hashes, ids, untils, expires, null) loop
        if which[lost.at] is distinct from loaded then
          loaded := which[lost.at];
          s := shapes[loaded];
        end if;
        if s.on_conflict = 'reject' then
          perform backstay.refuse('BS110', coalesce('job ' || s.numbers[spots[lost.at]] || ': ', '') || 'its unique key is held by another job',
            case when lost.holder = any (asked) then 'an earlier job of the same call' else lost.holder::text end,
            'wait for that job, cancel it, or use on_conflict keep or replace');
        elsif s.on_conflict = 'replace' and not lost.holder = any (asked)
              and not backstay.replace(lost.holder, s.args[spots[lost.at]], s)
              -- A key for a period outlives its job: nothing is left to replace, and the job that had it answers.
              and not exists (select from backstay.unique_key u
                               where u.hash = hashes[lost.at] and u.job_id = lost.holder and u.until = 'period') then
          again := true;                     -- The holder ended just now: the key is free.
          continue;
        end if;
        ids[lost.at] := null;
        holders[lost.at] := lost.holder;
      end loop;
      exit when not again;
    end loop;
    if again then
      raise exception using errcode = '40001', message = 'a unique key changed hands five times while it was asked for', hint = 'try again';
    end if;
    -- A repeated call must find the job that this one was answered with.
    if array_remove(once, null) <> '{}' then
      update backstay.unique_key u set job_id = h.holder
        from unnest(once, asked, holders) h(hash, id, holder) where h.holder is not null and u.hash = h.hash and u.job_id = h.id;
    end if;
  end if;

  for k in 1 .. cardinality(shapes) loop
    s := shapes[k];
    s.holders := holders[first_at : first_at + cardinality(s.ids) - 1];
    first_at := first_at + cardinality(s.ids);
    s.ids := ids[first_at - cardinality(s.ids) : first_at - 1];
    shapes[k] := s;
  end loop;
  return shapes;
end
$$;
revoke all on function backstay.contend(backstay.shape[]) from public;
