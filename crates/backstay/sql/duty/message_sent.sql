-- Notes what a channel said to a message.
-- moves: none                          role: worker
-- $1 id bigint, $2 error text (null: accepted), $3 again_in_ms bigint (null: given up)
update backstay.message
   set delivered_at = case when $2::text is null then statement_timestamp() end,
       last_error = $2::text,
       next_try_at = case when $3::bigint is not null then statement_timestamp() + $3::bigint * interval '1 ms' else next_try_at end,
       undeliverable_at = case when $2::text is not null and $3::bigint is null then statement_timestamp() end
 where id = $1::bigint
