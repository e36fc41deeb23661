-- Takes or keeps the lead; it saves work and nothing depends on it.
-- moves: none                          role: worker
-- $1 worker uuid, $2 term_ms bigint
update backstay.leader
   set holder = $1::uuid, until = statement_timestamp() + $2::bigint * interval '1 ms',
       epoch = epoch + (holder is distinct from $1::uuid)::int
 where holder = $1::uuid or until < statement_timestamp()
returning epoch
