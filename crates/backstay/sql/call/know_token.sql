-- Whose token this is.
-- role: viewer
-- $1 id, $2 hash, all text
-- answers {"id": "4f1c09ab", "name": "deploy", "scopes": ["operate"]}, or null
select coalesce(backstay.know_token($1::text, $2::text), 'null')::text
