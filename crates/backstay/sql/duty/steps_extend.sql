-- Adds to the messages of an incident that wait for their step: who hears of it late hears how often it happened by then.
-- moves: none                          role: worker
-- $1 subject text, $2 dedupe_key text, $3 more int, $4 body text (fields that change)
-- locks: its message rows that wait for their step
update backstay.message m
   set count = count + $3::int,
       body = body || ($4::text::jsonb - 'text') || jsonb_build_object('count', (body ->> 'count')::bigint + $3::int)
 where m.subject = $1::text and m.dedupe_key = $2::text and m.after_ms > 0
   and m.tries = 0 and m.delivered_at is null and m.undeliverable_at is null
