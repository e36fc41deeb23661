-- Changes each of these jobs, which must wait.
-- role: operator
-- $1 ids (a JSON array), $2 changes, $3 options, all text
-- answers [{"count": 1, "skipped": []}, ...], one for each
select coalesce(json_agg(backstay.edit(i.id::bigint, $2::text::jsonb, $3::text::jsonb)), '[]')::text
  from (select i as id from jsonb_array_elements_text($1::text::jsonb) i order by i::bigint) i
