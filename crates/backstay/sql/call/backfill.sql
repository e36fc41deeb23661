-- Makes the jobs of ticks that have passed.
-- role: operator
-- $1 schedule, $2 ticks (a JSON array of instants), $3 options (a JSON object), all text
-- answers {"count": 12, "skipped": [{"id": "2026-11-24T02:30:00Z", "code": "BS302"}]}
select backstay.backfill($1::text, array(select t::timestamptz from jsonb_array_elements_text($2::text::jsonb) t), $3::text::jsonb)::text
