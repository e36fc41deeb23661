-- Shows one job with its args as people may see them.
-- role: viewer
-- $1 id bigint
select (s.document || jsonb_build_object('args', coalesce(
         (select j.args from backstay.jobs j where j.id = $1::bigint),
         (select d.args from backstay.dead_letters d where d.id = $1::bigint),
         (select e.args from backstay.ended e where e.id = $1::bigint order by e.finished_at desc limit 1))))::text
  from backstay.show($1::bigint) s(document)
 where s.document is not null
