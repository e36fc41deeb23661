-- Finds jobs that completed or were cancelled, newest first. What has ended no longer tells its limit key.
-- role: viewer
-- $1 before bigint (the last id of the page before), $2 n int, $3 states text[], $4 kinds text[], $5 queues text[], $6 group text,
-- $7 tags text[] (all of them), $8 unique text, $9 limit_key text, $10 worker uuid, $11 since text, $12 before text, $13 outcomes text[],
-- $14 from bigint (no id below it is looked at), $15 ids bigint[], $16 members jsonb as text (args that have them),
-- $17 words text (args in which it stands, whatever its case)
-- plan: history_job backwards; what was enqueued since then has ended since then, which leaves out older partitions, and words that are
-- in no index are found in none
select e.id
  from backstay.ended e
 where e.state = any($3::text[])
   and ($1::bigint is null or e.id < $1)
   and e.id >= $14::bigint
   and ($15::bigint[] is null or e.id = any($15))
   and ($4::text[] is null or e.kind = any($4) and exists (select from backstay.ended h where h.kind = any($4)))
   and ($5::text[] is null or e.queue = any($5))
   and ($6::text is null or e."group" = $6 and exists (select from backstay.ended h where h."group" = $6))
   and ($7::text[] is null or e.tags @> $7)
   and ($8::text is null or e."unique" = $8)
   and $9::text is null
   and ($10::uuid is null or e.worker = $10)
   and ($11::text is null or e.enqueued_at >= $11::timestamptz and e.finished_at >= $11::timestamptz)
   and ($12::text is null or e.enqueued_at < $12::timestamptz)
   and ($13::text[] is null or e.state = 'completed' and 'completed' = any($13)
        or exists (select from backstay.attempts a where a.job_id = e.id and a.outcome = any($13)))
   and ($16::text is null or e.args @> $16::jsonb)
   and ($17::text is null or strpos(lower(e.args::text), lower($17)) > 0)
 order by e.id desc limit $2::int
