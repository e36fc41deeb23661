-- Shows what a dead letter has beyond its job document.
-- role: viewer
-- $1 id bigint
select jsonb_build_object('fingerprint', d.fingerprint, 'title', d.title, 'died_at', d.died_at, 'discarded_at', d.discarded_at,
                          'discarded_by', d.discarded_by, 'group_state', coalesce(d.group_state, 'open'), 'group_by', d.group_by,
                          'group_note', d.group_note, 'enqueued_by', d.enqueued_by, 'limit_key', d.limit_key)::text
  from backstay.dead_letters d where d.id = $1::bigint
