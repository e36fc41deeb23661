-- Takes raised alerts that no message tells of yet. A rule that only a newer worker knows is left to that one.
-- moves: none                          role: worker
-- $1 n int, $2 rules text[]
-- locks: alert rows, skip locked, in id order
select a.id, (extract(epoch from a.raised_at) * 1000)::bigint as raised_at_ms, a.rule, a.subject, a.kind, a.queue, a.reason,
       a.job_id, a.detail::text
  from backstay.alert a
 where a.message_id is null and a.rule = any($2::text[])
 order by a.id limit $1::int for update skip locked
