-- Adds to the message of an incident that waits for its time or its first try in one channel.
-- moves: none                          role: worker
-- $1 rule text, $2 subject text, $3 channel text, $4 more int, $5 body text (fields that change)
-- locks: one message row
update backstay.message
   set count = count + $4::int,
       body = body || $5::text::jsonb || jsonb_build_object('count', (body ->> 'count')::bigint + $4::int)
 where id = (select m.id from backstay.message m
              where m.rule = $1::text and m.subject = $2::text and m.channel = $3::text and m.after_ms = 0
                and m.tries = 0 and m.delivered_at is null and m.undeliverable_at is null
              order by m.made_at desc, m.id desc limit 1 for update)
returning id
