-- Counts new deaths into their group, and opens it again where it was closed.
-- moves: none                          role: worker
-- $1 fingerprints text[], $2 kinds text[], $3 reasons text[], $4 titles text[], $5 counts bigint[], $6 samples bigint[]
-- locks: dead groups, in fingerprint order
insert into backstay.dead_group as g (fingerprint, kind, reason, title, first_at, last_at, count, sample)
select n.fingerprint, n.kind, n.reason, n.title, statement_timestamp(), statement_timestamp(), n.count, n.sample
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
       n(fingerprint, kind, reason, title, count, sample)
 order by n.fingerprint
on conflict (fingerprint) do update set last_at = excluded.last_at, count = g.count + excluded.count, sample = excluded.sample,
   title = excluded.title,
   state = case when g.state = 'muted' and (g.until is null or g.until > statement_timestamp()) then 'muted' else 'open' end
