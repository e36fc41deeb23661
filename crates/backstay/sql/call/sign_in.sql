-- Begins the session of a person who shows a token.
-- role: viewer
-- $1 id, $2 hash of the token, $3 hash of the session, $4 address, all text
-- answers {"id": "4f1c09ab", "name": "ana", "scopes": ["operate"]}, or null
select coalesce(backstay.sign_in($1::text, $2::text, $3::text, $4::text), 'null')::text
