-- Adds to messages that wait for the end of the quiet time, and makes them due for a better reason.
-- moves: none                          role: worker
-- $1 rule text, $2 subject text, $3 more int, $4 new_rule text, $5 due_in_ms bigint, $6 body text (fields that change)
-- locks: message rows of one incident
update backstay.message
   set count = count + $3::int, rule = $4::text,
       due_at = least(due_at, statement_timestamp() + $5::bigint * interval '1 ms'),
       next_try_at = least(due_at, statement_timestamp() + $5::bigint * interval '1 ms'),
       body = body || $6::text::jsonb || jsonb_build_object('rule', $4::text, 'count', (body ->> 'count')::bigint + $3::int,
                                                            'last_at', to_jsonb(statement_timestamp()))
 where rule = $1::text and subject = $2::text and tries = 0 and delivered_at is null and undeliverable_at is null
returning id
