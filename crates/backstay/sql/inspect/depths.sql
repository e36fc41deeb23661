-- What stood where, in as many spans of the same length as are asked for, of which the last is not over: of each queue the most, added up.
-- role: viewer
-- $1 step smallint: which lines, $2 width int: minutes of a span, $3 spans int, $4 queue text
-- plan: depth_pkey by step and time
with ends as (
  select date_bin($2::int * interval '1 minute', statement_timestamp(), timestamptz '2000-01-01 00:00:00+00') as last, $2::int * interval '1 minute' as width),
most as (
  select d.queue, date_bin(e.width, d.at, timestamptz '2000-01-01 00:00:00+00') as bin, max(d.ready) as ready, max(d.scheduled) as scheduled,
         max(d.parked) as parked, max(d.running) as running, max(d.dead) as dead, max(d.oldest_ms) as oldest_ms
    from ends e cross join lateral (
      select * from backstay.depth d
       where d.step = $1::smallint and d.at >= e.last - ($3::int - 1) * e.width and d.at < e.last + e.width
         and ($4::text is null or d.queue = $4::text)) d
   group by 1, 2),
sums as (
  select bin, sum(ready)::bigint as ready, sum(scheduled)::bigint as scheduled, sum(parked)::bigint as parked, sum(running)::bigint as running,
         sum(dead)::bigint as dead, max(oldest_ms) as oldest_ms
    from most group by bin)
select (extract(epoch from e.last) / 60)::bigint as last, (extract(epoch from s.bin) / 60)::bigint as minute, s.ready, s.scheduled, s.parked, s.running, s.dead,
       s.oldest_ms
  from ends e left join sums s on true
 order by s.bin
