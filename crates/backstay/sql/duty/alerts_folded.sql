-- Marks alerts as told of.
-- moves: none                          role: worker
-- $1 ids bigint[], $2 message_ids bigint[]
update backstay.alert a set message_id = n.message_id
  from (select * from unnest($1::bigint[], $2::bigint[]) n(id, message_id) order by 1) n where a.id = n.id
