-- Finds unfinished jobs, newest first, where those in line are wanted too: walks the jobs themselves, at most 1,000,000 of them.
-- role: viewer
-- $1 before bigint (the last id of the page before), $2 n int, $3 states text[], $4 kinds text[], $5 queues text[], $6 group text,
-- $7 tags text[] (all of them), $8 unique text, $9 limit_key text, $10 worker uuid, $11 since text, $12 before text, $13 outcomes text[],
-- $14 from bigint (no id below it is looked at), $15 ids bigint[], $16 members jsonb as text (args that have them),
-- $17 words text (args in which it stands, whatever its case)
-- plan: job_pkey backwards (job_group, job_tags where those are given), then one look into each place
select j.id
  from (select w.id, w.kind, w.queue, w.priority, w.unique_label, w.limit_key, w.enqueued_at
          from backstay.job w
         where ($1::bigint is null or w.id < $1)
           and w.id >= $14::bigint
           and ($15::bigint[] is null or w.id = any($15))
           and ($6::text is null or w.group_key = $6)
           and ($7::text[] is null or w.tags @> $7)
         order by w.id desc limit 1000000) j
 cross join lateral (
   select from backstay.ready r
    where 'ready' = any($3::text[]) and $10::uuid is null and r.queue = j.queue and r.priority = j.priority and r.seq = j.id and r.job_id = j.id
   union all
   select from backstay.ready r where 'ready' = any($3) and $10::uuid is null and r.job_id = j.id and r.seq <> r.job_id
   union all
   select from backstay.scheduled s where 'scheduled' = any($3) and $10::uuid is null and s.job_id = j.id
   union all
   select from backstay.parked p where 'parked' = any($3) and $10::uuid is null and p.job_id = j.id
   union all
   select from backstay.running r where 'running' = any($3) and r.job_id = j.id and ($10::uuid is null or r.worker = $10)) place
 where ($4::text[] is null or j.kind = any($4))
   and ($5::text[] is null or j.queue = any($5))
   and ($8::text is null or j.unique_label = $8)
   and ($9::text is null or j.limit_key = $9)
   and ($11::text is null or j.enqueued_at >= $11::timestamptz)
   and ($12::text is null or j.enqueued_at < $12::timestamptz)
   and ($13::text[] is null or exists (select from backstay.attempts a where a.job_id = j.id and a.outcome = any($13)))
   and ($16::text is null or (select v.args @> $16::jsonb from backstay.jobs v where v.id = j.id limit 1))
   and ($17::text is null or (select strpos(lower(v.args::text), lower($17)) > 0 from backstay.jobs v where v.id = j.id limit 1))
 order by j.id desc limit $2::int
