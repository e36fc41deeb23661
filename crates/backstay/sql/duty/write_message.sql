-- Writes one message to one channel, due now or when the minute or the quiet time of its incident is over.
-- moves: none                          role: worker
-- note: the body tells the id, so it is drawn first. The messages of one round are made at the same time, that of its transaction: by that they are known as one
-- $1 rule text, $2 subject text, $3 channel text, $4 dedupe_key text, $5 count int, $6 body text, $7 due_in_ms bigint, $8 after_ms bigint (0, or how long after the first message its step comes)
with named as (select nextval('backstay.message_id_seq') as id)
insert into backstay.message (id, made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, after_ms, body)
overriding system value
select n.id, now(), statement_timestamp() + $7::bigint * interval '1 ms',
       statement_timestamp() + $7::bigint * interval '1 ms', $5::int, $1::text, $2::text, $3::text, $4::text, $8::bigint,
       $6::text::jsonb || jsonb_build_object('id', n.id::text)
  from named n
returning id
