-- Ends a session.
-- role: viewer
-- $1 hash, text
-- answers true, or false where there was none
select backstay.sign_out($1::text)::text
