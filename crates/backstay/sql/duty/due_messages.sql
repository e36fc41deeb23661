-- Takes messages whose time has come; while one is being delivered, nobody else tries it.
-- moves: none                          role: worker
-- $1 n int, $2 hold_ms bigint, $3 channels text[], $4 patience_ms bigint
-- locks: message rows, skip locked
-- note: a channel that this worker does not know may be known to another, which gets so much time to deliver
with due as materialized (
  select m.id from backstay.message m
   where m.delivered_at is null and m.undeliverable_at is null and m.next_try_at <= statement_timestamp()
     and (m.channel = any($3::text[]) or m.due_at < statement_timestamp() - $4::bigint * interval '1 ms')
   order by m.next_try_at, m.id limit $1::int for update skip locked)
update backstay.message m
   set next_try_at = statement_timestamp() + $2::bigint * interval '1 ms', tries = tries + 1
  from due d where m.id = d.id
returning m.id, m.channel, m.tries, m.body::text,
          (extract(epoch from statement_timestamp() - m.due_at) * 1000)::bigint as age_ms
