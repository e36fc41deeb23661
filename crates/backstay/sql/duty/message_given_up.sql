-- Gives a message up; in the same statement a copy is written for every other channel, so that it is told after all.
-- moves: none                          role: worker
-- $1 id bigint, $2 error text, $3 others text[], $4 remark text
-- note: a copy that is given up has no copies
with given_up as (
  update backstay.message set undeliverable_at = statement_timestamp(), last_error = $2::text
   where id = $1::bigint and delivered_at is null and undeliverable_at is null
  returning *),
copy as (select g.*, o.channel as instead, nextval('backstay.message_id_seq') as own from given_up g cross join unnest($3::text[]) o(channel))
insert into backstay.message (id, made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, after_ms, body)
overriding system value
select g.own, statement_timestamp(), statement_timestamp(), statement_timestamp(), g.count, g.rule, g.subject, g.instead, g.dedupe_key, g.after_ms,
       g.body || jsonb_build_object('id', g.own::text, 'instead_of', g.channel, 'text', $4::text || (g.body ->> 'text'))
  from copy g
 where not g.body ? 'instead_of'
returning id
