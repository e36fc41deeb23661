-- Silences the alerts of a group of dead letters for a while.
-- role: operator
-- $1 fingerprint, $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "4211", "code": "BS302"}]}
select backstay.mute($1::text, $2::text::jsonb)::text
