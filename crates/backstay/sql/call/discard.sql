-- Moves dead letters aside.
-- role: operator
-- $1 ids (a JSON array), $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.discard(array(select i::bigint from jsonb_array_elements_text($1::text::jsonb) i), $2::text::jsonb)::text
