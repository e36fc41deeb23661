-- Who sits behind a session.
-- role: viewer
-- $1 hash, text
-- answers {"id": "4f1c09ab", "name": "ana", "scopes": ["operate"]}, or null
select coalesce(backstay.know_session($1::text), 'null')::text
