-- Adds to the count of messages of an incident that were not sent yet.
-- moves: none                          role: worker
-- $1 rule text, $2 subject text, $3 more int
-- locks: message rows of one incident
update backstay.message
   set count = count + $3::int,
       body = body || jsonb_build_object('count', (body ->> 'count')::bigint + $3::int, 'last_at', to_jsonb(statement_timestamp()))
 where rule = $1::text and subject = $2::text and tries = 0 and delivered_at is null and undeliverable_at is null
returning id
