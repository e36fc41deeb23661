-- Sends a worker a notification of its own, which proves that its ears are open; others pass it over.
-- moves: none                          role: worker
-- $1 payload text
select pg_notify('backstay', $1::text)
