-- Makes the partitions of the next days, and drops those whose keep is over.
-- moves: none                          role: worker
-- note: a day of history lives as long as the kind that is kept longest
-- $1 history_ms bigint, $2 bodies_ms bigint, $3 attempts_ms bigint, $4 output_ms bigint
select backstay.make_partitions(),
       backstay.drop_partitions('history', greatest($1::bigint * interval '1 ms', (select max(k.keep) from backstay.kind k))),
       backstay.drop_partitions('history_body', $2::bigint * interval '1 ms'),
       backstay.drop_partitions('attempt', $3::bigint * interval '1 ms'),
       backstay.drop_partitions('output_log', $4::bigint * interval '1 ms')
