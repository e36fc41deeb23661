-- Forgets the steps of an incident that begins anew: they are counted from now.
-- moves: none                          role: worker
-- $1 subject text, $2 dedupe_key text
-- locks: its message rows that wait for their step
delete from backstay.message m
 where m.subject = $1::text and m.dedupe_key = $2::text and m.after_ms > 0
   and m.tries = 0 and m.delivered_at is null and m.undeliverable_at is null
