-- Forgets lines of charts: those by minute after 3 hours, by five minutes after 2 days, by hour after their keep.
-- moves: none                          role: worker
-- $1 n int, $2 keep_ms bigint
with kept(step, least) as (
  values (1::smallint, statement_timestamp() - interval '3 hours'), (5::smallint, statement_timestamp() - interval '2 days'),
         (60::smallint, statement_timestamp() - $2::bigint * interval '1 ms')),
figures as (
  delete from backstay.figure f using (
    select o.* from kept k cross join lateral (
      select f.step, f.at, f.queue, f.kind, f.worker from backstay.figure f where f.step = k.step and f.at < k.least
       order by f.at limit $1::int) o) o
   where f.step = o.step and f.at = o.at and f.queue = o.queue and f.kind = o.kind and f.worker = o.worker returning 1),
depths as (
  delete from backstay.depth d using (
    select o.* from kept k cross join lateral (
      select d.step, d.at, d.queue from backstay.depth d where d.step = k.step and d.at < k.least order by d.at limit $1::int) o) o
   where d.step = o.step and d.at = o.at and d.queue = o.queue returning 1)
select (select count(*) from figures) + (select count(*) from depths) as gone
