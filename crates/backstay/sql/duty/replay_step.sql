-- Notes how far a replay has come.
-- moves: none                          role: worker
-- $1 id bigint, $2 next int, $3 again_in_ms bigint, $4 state text
update backstay.replay
   set next = $2::int, next_at = statement_timestamp() + $3::bigint * interval '1 ms', state = $4::text,
       done_at = case when $4::text = 'done' then statement_timestamp() end
 where id = $1::bigint
