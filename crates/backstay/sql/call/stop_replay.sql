-- Stops a replay where it is.
-- role: operator
-- $1 replay id, $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.stop_replay($1::text::bigint, $2::text::jsonb)::text
