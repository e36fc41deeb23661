-- Forgets a worker that said goodbye and whose last jobs were taken over.
-- moves: none                          role: worker
-- $1 worker uuid
update backstay.worker set lost_at = statement_timestamp() where id = $1::uuid and lost_at is null
