-- Finds dead letters, the newest death first.
-- role: viewer
-- $1 before_us bigint and $2 before bigint (death and id of the last one of the page before), $3 n int, $4 kinds text[], $5 queues text[],
-- $6 group text, $7 tags text[], $8 unique text, $9 limit_key text, $10 fingerprint text, $11 since text, $12 before text, $13 discarded boolean,
-- $14 outcomes text[], $15 ids bigint[], $16 members jsonb as text, $17 words text: whether its args have them, is a column, so that whoever
-- asks knows how far was looked; $18 owner text
-- plan: dead_letter_died, or dead_letter_group where the fingerprint is given
select d.id, (extract(epoch from d.died_at) * 1000000)::bigint as died_us, d.fingerprint,
       coalesce(($16::text is null or d.args @> $16::jsonb) and ($17::text is null or strpos(lower(d.args::text), lower($17)) > 0), false) as fits
  from backstay.dead_letters d
 where (d.discarded_at is not null) = $13::boolean
   and ($1::bigint is null or (d.died_at, -d.id) < (timestamptz 'epoch' + $1 * interval '1 us', -$2::bigint))
   and ($4::text[] is null or d.kind = any($4))
   and ($5::text[] is null or d.queue = any($5))
   and ($6::text is null or d."group" = $6)
   and ($7::text[] is null or d.tags @> $7)
   and ($8::text is null or d."unique" = $8)
   and ($9::text is null or d.limit_key = $9)
   and ($10::text is null or d.fingerprint = $10)
   and ($11::text is null or d.died_at >= $11::timestamptz)
   and ($12::text is null or d.died_at < $12::timestamptz)
   and ($14::text[] is null or exists (select from jsonb_array_elements(d.errors) e where e ->> 'outcome' = any($14)))
   and ($15::bigint[] is null or d.id = any($15))
   and ($18::text is null or d.group_owner = $18)
 order by d.died_at desc, d.id limit $3::int
