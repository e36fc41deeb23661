-- Notes that a channel did not take a message, and when it is tried again.
-- moves: none                          role: worker
-- $1 id bigint, $2 error text, $3 again_in_ms bigint
-- note: who else tried it meanwhile may have had more luck
update backstay.message
   set last_error = $2::text, next_try_at = statement_timestamp() + $3::bigint * interval '1 ms'
 where id = $1::bigint and delivered_at is null and undeliverable_at is null
