-- Revives many dead letters at a limited rate; the answer also has the number of the replay, or null.
-- role: operator
-- $1 filter (a JSON object), $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.replay($1::text::jsonb, $2::text::jsonb)::text
