-- Takes raised alerts that no message tells of yet.
-- moves: none                          role: worker
-- $1 n int
-- locks: alert rows, skip locked, in id order
select a.id, (extract(epoch from a.raised_at) * 1000)::bigint as raised_at_ms, a.rule, a.subject, a.kind, a.queue, a.reason,
       a.fingerprint, a.job_id, a.attempt, a.detail::text
  from backstay.alert a where a.message_id is null order by a.id limit $1::int for update skip locked
