-- Counts how much memory attempts had at their most, by kind and day, since the last time; forgets days that are long over.
-- moves: none                          role: worker
-- $1 bounds_kib int[], $2 n int
-- locks: the mark, so that nothing is counted twice; then rows in the order of their key
-- note: a picture, not an account: at most n of each table, nothing that ended more than 10 minutes ago, and nothing that
--       commits later than 10 s after its end. What a lost worker saw last is no peak
-- plan: the brin index on the end, in the partitions of one day or two
with span as materialized (
  select greatest(m.until, backstay.clock() - interval '10 minutes') as since, backstay.clock() - interval '10 seconds' as till
    from backstay.peak_mark m for update),
moved as (update backstay.peak_mark m set until = s.till from span s where s.till > m.until),
ended as materialized (
  select e.* from span s cross join lateral (
    (select h.kind, h.peak_kib, h.terms_no, h.finished_at as at from backstay.history h
      where h.finished_at > s.since and h.finished_at <= s.till and h.peak_kib is not null limit $2::int)
     union all
    (select a.kind, a.peak_kib, a.terms_no, a.ended_at from backstay.attempt a
      where a.ended_at > s.since and a.ended_at <= s.till and a.peak_kib is not null and a.peak_source <> 'last' limit $2::int)) e),
sorted as (
  select e.kind, (e.at at time zone 'UTC')::date as day, width_bucket(e.peak_kib, $1::int[]) as bucket, count(*) as n,
         (min((t.limits ->> 'memory_bytes')::bigint) / 1024)::int as limit_kib
    from ended e left join backstay.terms t on t.no = e.terms_no group by 1, 2, 3),
old as (delete from backstay.peak p where p.day < (backstay.clock() at time zone 'UTC')::date - 30),
counted as (
  insert into backstay.peak as p (kind, day, bucket, count, limit_kib)
  select kind, day, bucket, n, limit_kib from sorted order by kind, day, bucket
  on conflict (kind, day, bucket) do update
     set count = p.count + excluded.count, limit_kib = coalesce(excluded.limit_kib, p.limit_kib))
select coalesce(sum(n), 0)::bigint as counted from sorted
