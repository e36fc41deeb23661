-- Tells a worker to finish and leave.
-- role: operator
-- $1 worker id, $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.drain($1::text::uuid, $2::text::jsonb)::text
