-- Finds unfinished jobs that do not stand in line, newest first: scheduled, parked, running.
-- role: viewer
-- $1 before bigint (the last id of the page before), $2 n int, $3 states text[], $4 kinds text[], $5 queues text[], $6 group text,
-- $7 tags text[] (all of them), $8 unique text, $9 limit_key text, $10 worker uuid, $11 since text, $12 before text, $13 outcomes text[],
-- $14 from bigint (no id below it is looked at), $15 ids bigint[], $16 members jsonb as text (args that have them),
-- $17 words text (args in which it stands, whatever its case)
-- plan: the states are known when it is planned, so places that are not asked for are left out; each by its key
select j.id
  from backstay.jobs j
 where j.state = any($3::text[])
   and ($1::bigint is null or j.id < $1)
   and j.id >= $14::bigint
   and ($15::bigint[] is null or j.id = any($15))
   and ($4::text[] is null or j.kind = any($4))
   and ($5::text[] is null or j.queue = any($5))
   and ($6::text is null or j."group" = $6)
   and ($7::text[] is null or j.tags @> $7)
   and ($8::text is null or j."unique" = $8)
   and ($9::text is null or j.limit_key = $9)
   and ($10::uuid is null or j.worker = $10)
   and ($11::text is null or j.enqueued_at >= $11::timestamptz)
   and ($12::text is null or j.enqueued_at < $12::timestamptz)
   and ($13::text[] is null or j.attempt > 0 and exists (select from backstay.attempts a where a.job_id = j.id and a.outcome = any($13)))
   and ($16::text is null or j.args @> $16::jsonb)
   and ($17::text is null or strpos(lower(j.args::text), lower($17)) > 0)
 order by j.id desc limit $2::int
