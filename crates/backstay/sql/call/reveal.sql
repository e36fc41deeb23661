-- Shows args and meta of jobs as they are.
-- role: operator
-- $1 ids (a JSON array), $2 options, all text
-- answers [{"id": "4211", "args": {}, "meta": {}}, ...]
select backstay.reveal(array(select i::bigint from jsonb_array_elements_text($1::text::jsonb) i), $2::text::jsonb)::text
