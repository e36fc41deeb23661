-- Lists the parts of what a job printed that come behind one, in their order.
-- role: viewer
-- $1 id bigint, $2 attempt int, $3 part int, $4 only this attempt int or null, $5 n int
-- plan: output_log_job in each partition
select o.attempt, o.part, o.last, o.text
  from backstay.output_log o
 where o.job_id = $1::bigint and (o.attempt, o.part) > ($2::int, $3::int) and ($4::int is null or o.attempt = $4::int)
 order by o.attempt, o.part
 limit $5::int
