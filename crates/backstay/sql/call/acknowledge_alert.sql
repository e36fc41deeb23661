-- Takes the incident that a message tells of in hand.
-- role: operator
-- $1 message id, $2 options, all text
-- answers {"count": 1, "skipped": [{"id": "17", "code": "BS302"}]}
select backstay.acknowledge_alert($1::text::bigint, $2::text::jsonb)::text
