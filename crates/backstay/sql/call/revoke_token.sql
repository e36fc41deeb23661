-- Ends a token of the HTTP API.
-- role: operator
-- $1 id, $2 options (a JSON object), all text
-- answers {"count": 1, "skipped": []}
select backstay.revoke_token($1::text, $2::text::jsonb)::text
