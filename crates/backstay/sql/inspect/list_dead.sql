-- Finds dead jobs among all others, newest first: by id, so that they mix with the live and the ended.
-- role: viewer
-- $1 before bigint, $2 n int, $3 kinds text[], $4 queues text[], $5 group text, $6 tags text[], $7 unique text, $8 limit_key text,
-- $9 worker uuid, $10 since text, $11 before text
select d.id
  from backstay.dead_letters d
 where d.discarded_at is null
   and ($1::bigint is null or d.id < $1)
   and ($3::text[] is null or d.kind = any($3))
   and ($4::text[] is null or d.queue = any($4))
   and ($5::text is null or d."group" = $5)
   and ($6::text[] is null or d.tags @> $6)
   and ($7::text is null or d."unique" = $7)
   and ($8::text is null or d.limit_key = $8)
   and ($9::uuid is null or d.worker = $9)
   and ($10::text is null or d.enqueued_at >= $10::timestamptz)
   and ($11::text is null or d.enqueued_at < $11::timestamptz)
 order by d.id desc limit $2::int
