-- Shows dead letters as they could be enqueued again, each with what is known of its death; in the order of the ids.
-- role: viewer
-- $1 ids bigint[]
select jsonb_build_object(
         'kind', d.kind, 'args', d.args,
         'options', jsonb_strip_nulls(jsonb_build_object('queue', d.queue, 'priority', d.priority, 'max_retries', d.max_retries, 'group', d."group",
                      'limit_key', d.limit_key, 'tags', to_jsonb(d.tags), 'meta', d.meta, 'trace', d.trace)),
         'letter', jsonb_build_object('id', d.id::text, 'died_at', d.died_at, 'enqueued_at', d.enqueued_at, 'reason', d.reason, 'fingerprint', d.fingerprint,
                     'title', d.title, 'attempt', d.attempt, 'unique', d."unique", 'enqueued_by', d.enqueued_by, 'discarded_at', d.discarded_at, 'errors', d.errors))::text
  from unnest($1::bigint[]) with ordinality i(id, n)
  join backstay.dead_letters d on d.id = i.id
 order by i.n
