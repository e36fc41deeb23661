-- Gives the lead away at the end of a worker, so that nobody waits for its term.
-- moves: none                          role: worker
-- $1 worker uuid
update backstay.leader set until = '-infinity' where holder = $1::uuid
