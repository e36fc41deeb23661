-- Finds jobs that completed or were cancelled, newest first.
-- role: viewer
-- $1 before bigint, $2 n int, $3 states text[], $4 kinds text[], $5 queues text[], $6 group text, $7 tags text[], $8 unique text,
-- $9 worker uuid, $10 since text, $11 before text
-- plan: what was enqueued since then has ended since then, which leaves out older partitions
select e.id
  from backstay.ended e
 where e.state = any($3::text[])
   and ($1::bigint is null or e.id < $1)
   and ($4::text[] is null or e.kind = any($4))
   and ($5::text[] is null or e.queue = any($5))
   and ($6::text is null or e."group" = $6)
   and ($7::text[] is null or e.tags @> $7)
   and ($8::text is null or e."unique" = $8)
   and ($9::uuid is null or e.worker = $9)
   and ($10::text is null or e.enqueued_at >= $10::timestamptz and e.finished_at >= $10::timestamptz)
   and ($11::text is null or e.enqueued_at < $11::timestamptz)
 order by e.id desc limit $2::int
