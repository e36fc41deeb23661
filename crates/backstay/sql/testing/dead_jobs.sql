-- Lists the dead letters of a kind, oldest first.
-- $1 kind text
select coalesce(jsonb_agg(jsonb_build_object('id', d.id::text, 'args', d.args, 'reason', d.reason, 'title', d.title,
                                             'errors', (select coalesce(jsonb_agg(coalesce(e ->> 'message', '')), '[]')
                                                          from jsonb_array_elements(d.errors) e)) order by d.died_at, d.id), '[]')::text
  from backstay.dead_letter d where d.kind = $1::text and d.discarded_at is null
