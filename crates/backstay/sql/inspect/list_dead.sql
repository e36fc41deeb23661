-- Finds dead jobs among all others, newest first: by id, so that they mix with the live and the ended.
-- role: viewer
-- $1 before bigint (the last id of the page before), $2 n int, $3 states text[], $4 kinds text[], $5 queues text[], $6 group text,
-- $7 tags text[] (all of them), $8 unique text, $9 limit_key text, $10 worker uuid, $11 since text, $12 before text, $13 outcomes text[],
-- $14 from bigint (no id below it is looked at), $15 ids bigint[], $16 members jsonb as text (args that have them),
-- $17 words text (args in which it stands, whatever its case)
select d.id
  from backstay.dead_letters d
 where 'dead' = any($3::text[])
   and d.discarded_at is null
   and ($1::bigint is null or d.id < $1)
   and d.id >= $14::bigint
   and ($15::bigint[] is null or d.id = any($15))
   and ($4::text[] is null or d.kind = any($4))
   and ($5::text[] is null or d.queue = any($5))
   and ($6::text is null or d."group" = $6)
   and ($7::text[] is null or d.tags @> $7)
   and ($8::text is null or d."unique" = $8)
   and ($9::text is null or d.limit_key = $9)
   and ($10::uuid is null or d.worker = $10)
   and ($11::text is null or d.enqueued_at >= $11::timestamptz)
   and ($12::text is null or d.enqueued_at < $12::timestamptz)
   and ($13::text[] is null or exists (select from jsonb_array_elements(d.errors) e where e ->> 'outcome' = any($13)))
   and ($16::text is null or d.args @> $16::jsonb)
   and ($17::text is null or strpos(lower(d.args::text), lower($17)) > 0)
 order by d.id desc limit $2::int
