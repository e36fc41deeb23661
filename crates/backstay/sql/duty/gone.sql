-- Forgets a worker that said goodbye and whose last jobs were taken over; not while somebody else is at that just now.
-- moves: none                          role: worker
-- $1 worker uuid
update backstay.worker set lost_at = statement_timestamp()
 where id = $1::uuid and lost_at is null and not exists (select from backstay.running r where r.worker = $1::uuid)
