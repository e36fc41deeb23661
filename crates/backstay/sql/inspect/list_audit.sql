-- Lists what operators and people who signed in did, newest first: looks at no more than the last 100,000 entries of a filter's walk.
-- role: auditor
-- $1 before bigint (the last id of the page before), $2 n int, $3 verb text, $4 target text, $5 actor text (a login, or what a source
-- begins with), $6 since text, $7 before text
-- plan: audit_pkey backwards
select jsonb_build_object('id', a.id::text, 'at', a.at, 'actor', a.actor, 'role', a.session_role, 'source', a.source, 'verb', a.verb,
                          'target', a.target, 'reason', a.reason, 'affected', a.affected, 'filter', a.filter,
                          'before', a.before, 'after', a.after)::text
  from (select w.* from backstay.audit w where $1::bigint is null or w.id < $1 order by w.id desc limit 100000) a
 where ($3::text is null or a.verb = $3)
   and ($4::text is null or a.target = $4)
   and ($5::text is null or a.actor = $5 or starts_with(a.source, $5))
   and ($6::text is null or a.at >= $6::timestamptz)
   and ($7::text is null or a.at < $7::timestamptz)
 order by a.id desc limit $2::int
