-- Counts new deaths into their group, and opens it again where it was closed.
-- moves: none                          role: worker
-- $1 fingerprints text[], $2 kinds text[], $3 reasons text[], $4 titles text[], $5 counts bigint[], $6 samples bigint[]
-- locks: dead groups, in fingerprint order
-- plan: the newest 100 letters at most, by dead_letter_group, tell the releases; the last 20 of those are kept
insert into backstay.dead_group as g (fingerprint, kind, reason, title, first_at, last_at, count, sample, releases)
select n.fingerprint, n.kind, n.reason, n.title, statement_timestamp(), statement_timestamp(), n.count, n.sample,
       array(select distinct d.release from (
               select coalesce(d.errors -> -1 ->> 'release', (select w.release from backstay.worker w where w.id = d.worker)) as release
                 from backstay.dead_letter d
                where d.fingerprint = n.fingerprint order by d.died_at desc limit least(n.count, 100)) d
              where d.release is not null order by d.release)
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
       n(fingerprint, kind, reason, title, count, sample)
 order by n.fingerprint
on conflict (fingerprint) do update set last_at = excluded.last_at, count = g.count + excluded.count, sample = excluded.sample,
   title = excluded.title,
   releases = array(select u.release from unnest(excluded.releases || g.releases) with ordinality u(release, n)
                     group by u.release order by min(u.n) limit 20),
   state = case when g.state = 'muted' and (g.until is null or g.until > statement_timestamp()) then 'muted' else 'open' end
