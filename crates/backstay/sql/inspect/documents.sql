-- Shows jobs as documents, in the order of the ids; one that is gone meanwhile is left out.
-- role: viewer, enqueuer (its own)
-- $1 ids bigint[]
select s.document::text
  from unnest($1::bigint[]) with ordinality i(id, n)
 cross join lateral backstay.show(i.id) s(document)
 where s.document is not null
 order by i.n
