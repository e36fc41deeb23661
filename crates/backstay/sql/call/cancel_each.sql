-- Stops each of these jobs; answers what became of it.
-- role: operator
-- $1 ids (a JSON array), $2 options, all text
-- answers [{"id": "4211", "answer": "cancelled"}, ...]
select coalesce(json_agg(json_build_object('id', i.id, 'answer', backstay.cancel(i.id::bigint, $2::text::jsonb))), '[]')::text
  from (select i as id from jsonb_array_elements_text($1::text::jsonb) i order by i::bigint) i
