-- Starts nothing more of a queue, kind or schedule.
-- role: operator
-- $1 what (queue, kind or schedule), $2 name, $3 options (a JSON object), all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.pause($1::text, $2::text, $3::text::jsonb)::text
