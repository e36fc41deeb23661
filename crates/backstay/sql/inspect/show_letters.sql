-- Shows what dead letters have beyond their job documents, in the order of the ids; what is no dead letter is left out.
-- role: viewer
-- $1 ids bigint[]
select jsonb_build_object('id', d.id::text, 'fingerprint', d.fingerprint, 'title', d.title, 'died_at', d.died_at, 'discarded_at', d.discarded_at,
                          'discarded_by', d.discarded_by, 'group_state', coalesce(d.group_state, 'open'), 'group_by', d.group_by,
                          'group_note', d.group_note, 'enqueued_by', d.enqueued_by, 'limit_key', d.limit_key)::text
  from unnest($1::bigint[]) with ordinality i(id, n)
 cross join lateral (select * from backstay.dead_letters d where d.id = i.id) d
 order by i.n
