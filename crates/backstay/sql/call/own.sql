-- Says who looks after a group of dead letters, or that nobody does.
-- role: operator
-- $1 fingerprint, $2 owner as JSON, $3 options, all text
-- answers {"count": 1, "skipped": [{"id": "a3f19c02", "code": "BS301"}]}
select backstay.own($1::text, $2::text::jsonb #>> '{}', $3::text::jsonb)::text
