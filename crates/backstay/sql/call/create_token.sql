-- Makes a token of the HTTP API known.
-- role: operator
-- $1 id, $2 hash, $3 options (a JSON object), all text
-- answers {"id": "4f1c09ab", "name": "deploy", "scopes": ["operate"], "expires_at": "..."}
select backstay.create_token($1::text, $2::text, $3::text::jsonb)::text
