-- What was counted, in as many spans of the same length as are asked for, of which the last is not over; spans without figures are left out.
-- role: viewer
-- $1 step smallint: which lines, $2 width int: minutes of a span, $3 spans int, $4 queue text, $5 kind text, $6 list text: one of waits, runs, peaks that is added up, too (null: none)
-- plan: figure_pkey by step and time
with ends as (
  select date_bin($2::int * interval '1 minute', statement_timestamp(), timestamptz '2000-01-01 00:00:00+00') as last, $2::int * interval '1 minute' as width),
part as materialized (
  select date_bin(e.width, f.at, timestamptz '2000-01-01 00:00:00+00') as bin, f.started, f.completed, f.cancelled, f.dead, f.failed,
         case $6::text when 'waits' then f.waits when 'runs' then f.runs when 'peaks' then f.peaks end as list
    from ends e cross join lateral unnest(array[0::smallint, $1::smallint]) s(step)
   cross join lateral (
     select * from backstay.figure f
      where f.step = s.step and f.at >= e.last - ($3::int - 1) * e.width and f.at < e.last + e.width
        and ($4::text is null or f.queue = $4::text) and ($5::text is null or f.kind = $5::text)) f),
bars as (
  select p.bin, b.i, sum(b.n)::bigint as n from part p cross join lateral unnest(p.list) with ordinality b(n, i) group by p.bin, b.i),
-- Without hash and merge joins nothing keeps this from being added up once for each span.
lists as materialized (
  select bin, array_agg(n order by i) as counts from bars group by bin),
sums as (
  select bin, sum(started)::bigint as started, sum(completed)::bigint as completed, sum(cancelled)::bigint as cancelled, sum(dead)::bigint as dead,
         sum(failed)::bigint as failed
    from part group by bin)
select (extract(epoch from e.last) / 60)::bigint as last, (extract(epoch from s.bin) / 60)::bigint as minute, s.started, s.completed, s.cancelled, s.dead, s.failed,
       coalesce(l.counts, '{}') as counts
  from ends e left join sums s on true left join lists l on l.bin = s.bin
 order by s.bin
