-- Lets a stopped replay go on.
-- role: operator
-- $1 replay id, $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.resume_replay($1::text::bigint, $2::text::jsonb)::text
