-- Asks whether a queue may be claimed from in this transaction: nobody is just pausing it, and it is not paused.
-- moves: none                          role: worker
-- $1 queue text
-- locks: the queue's pause lock, shared and tried, never waited for; `pause` takes it exclusively
-- note: the answer goes to the next statement by a setting of this transaction, so that both travel in one round trip
select set_config('backstay.open',
         (pg_try_advisory_xact_lock_shared(1112757341, hashtext($1)))::text, true) as open
