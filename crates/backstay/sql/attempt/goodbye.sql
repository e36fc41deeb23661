-- A worker's last word: it has no jobs any more.
-- moves: none                          role: worker
-- $1 worker uuid
update backstay.worker set goodbye_at = statement_timestamp(), beat_at = statement_timestamp() where id = $1::uuid
