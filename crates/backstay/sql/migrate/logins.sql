-- Counts the logins of a name: one or none.
-- $1 name text
select count(*) from pg_roles where rolname = $1::text
