-- Lists groups of dead letters, the one that was hit last first: how many letters each has now, up to 1,000 counted.
-- role: viewer
-- $1 kinds text[], $2 queues text[], $3 fingerprint text, $4 before_us bigint, $5 before text, $6 n int, $7 owner text
-- plan: one look into dead_letter_group for each fingerprint, at most 10,000 of them; only those that are shown are counted
with recursive mark (fingerprint, n) as (
  (select d.fingerprint, 1 from backstay.dead_letters d where $3::text is null or d.fingerprint = $3 order by d.fingerprint limit 1)
  union all
  select (select d.fingerprint from backstay.dead_letters d where d.fingerprint > m.fingerprint order by d.fingerprint limit 1), m.n + 1
    from mark m where m.fingerprint is not null and m.n < 10000 and $3::text is null),
last as materialized (
  select d.*, g.state, g.until, g.count, g.first_at, g.by, g.note, g.owner, g.releases
    from mark m
   cross join lateral (
     select d.fingerprint, d.id, d.kind, d.queue, d.reason, d.title, d.died_at from backstay.dead_letters d
      where d.fingerprint = m.fingerprint and d.discarded_at is null order by d.died_at desc limit 1) d
    left join backstay.dead_group g on g.fingerprint = m.fingerprint
   where ($1::text[] is null or d.kind = any($1))
     and ($2::text[] is null or d.queue = any($2))
     and ($7::text is null or g.owner = $7)
     and ($4::bigint is null or (d.died_at, m.fingerprint) < (timestamptz 'epoch' + $4 * interval '1 us', $5::text collate "C"))
   order by d.died_at desc, m.fingerprint desc limit $6::int)
select jsonb_build_object(
         'fingerprint', last.fingerprint, 'kind', last.kind, 'queue', last.queue, 'reason', last.reason, 'title', last.title, 'sample', last.id::text,
         'letters', jsonb_build_object('count', least(c.n, 1000), 'more', c.n > 1000),
         'deaths', greatest(last.count, c.n), 'first_at', least(last.first_at, old.died_at), 'last_at', last.died_at, 'oldest_at', old.died_at,
         'state', case when last.state = 'muted' and last.until <= backstay.clock() or last.state = 'empty' then 'open' else coalesce(last.state, 'open') end,
         'by', last.by, 'note', last.note, 'until', last.until, 'owner', last.owner, 'releases', to_jsonb(coalesce(last.releases, '{}')))::text as document,
       (extract(epoch from last.died_at) * 1000000)::bigint as last_us, last.fingerprint
  from last
 cross join lateral (
   select d.died_at from backstay.dead_letters d
    where d.fingerprint = last.fingerprint and d.discarded_at is null order by d.died_at limit 1) old
 cross join lateral (
   select count(*) as n from (
     select from backstay.dead_letters d where d.fingerprint = last.fingerprint and d.discarded_at is null limit 1001) x) c
 order by last.died_at desc, last.fingerprint desc
