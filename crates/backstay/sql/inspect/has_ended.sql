-- Says whether a job of these kinds has ended and is still known.
-- role: viewer
-- $1 kinds text[]
select exists (select from backstay.ended e where e.kind = any($1::text[]))
