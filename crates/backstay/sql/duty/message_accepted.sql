-- Notes that a channel accepted a message.
-- moves: none                          role: worker
-- $1 id bigint
update backstay.message set delivered_at = statement_timestamp(), undeliverable_at = null, last_error = null
 where id = $1::bigint and delivered_at is null
