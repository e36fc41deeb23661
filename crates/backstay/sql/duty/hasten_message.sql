-- Adds to a message that waits for the end of the quiet time in one channel, and makes it due for a better reason;
-- who has acknowledged what it told before has not acknowledged that.
-- moves: none                          role: worker
-- $1 rule text, $2 subject text, $3 channel text, $4 more int, $5 new_rule text, $6 due_in_ms bigint, $7 body text (fields that change)
-- locks: one message row
update backstay.message
   set count = count + $4::int, rule = $5::text, acknowledged_at = null, acknowledged_by = null,
       due_at = least(due_at, statement_timestamp() + $6::bigint * interval '1 ms'),
       next_try_at = least(due_at, statement_timestamp() + $6::bigint * interval '1 ms'),
       body = body || $7::text::jsonb || jsonb_build_object('count', (body ->> 'count')::bigint + $4::int)
 where id = (select m.id from backstay.message m
              where m.rule = $1::text and m.subject = $2::text and m.channel = $3::text and m.after_ms = 0
                and m.tries = 0 and m.delivered_at is null and m.undeliverable_at is null
              order by m.made_at desc, m.id desc limit 1 for update)
returning id
