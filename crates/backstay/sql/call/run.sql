-- Makes a job of a schedule now.
-- role: operator
-- $1 schedule, $2 options (a JSON object), all text
-- answers {"count": 1, "skipped": [], "job": "4211"}
select backstay.run($1::text, $2::text::jsonb)::text
