-- Revives the next jobs of a replay; what cannot be revived is passed over, with its code.
-- moves: dead -> ready, dead -> parked     role: worker
-- $1 id bigint, $2 from int, $3 n int
with next as materialized (
  select r.n, r.job_id from backstay.replay_job r
   where r.replay_id = $1::bigint and r.n > $2::int and r.n <= $2::int + $3::int order by r.n),
told as materialized (
  select backstay.revive(array(select job_id from next), jsonb_build_object('reason', 'replay ' || $1::bigint)) as answer)
update backstay.replay_job r
   set revived_at = statement_timestamp(),
       skipped = (select s ->> 'code' from told, jsonb_array_elements(told.answer -> 'skipped') s where s ->> 'id' = r.job_id::text)
  from next where r.replay_id = $1::bigint and r.n = next.n
