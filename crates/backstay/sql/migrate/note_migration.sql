-- Notes that a migration ran.
-- $1 version int, $2 name text, $3 phase text, $4 hash text
insert into backstay.migration (version, name, phase, hash) values ($1, $2, $3, $4)
