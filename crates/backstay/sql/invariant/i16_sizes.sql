-- No args are above 4 MiB, the most that settings may allow, and no errors of a dead letter above 5 MiB.
-- sort: defect                         role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
-- note: no text of that length fits into 2,000 bytes, even compressed, so that small args need not be written out
with size as materialized (
  select j.job_id, j.args_bytes, j.error_bytes from backstay.check_job j
   where (j.args_stored_bytes >= 2000 or j.place = 'dead_letter') and ($1::int is null or j.job_id % 16 = $1::int))
select s.job_id::text as subject,
       case when s.args_bytes > 4194304 then format('has args of %s bytes', s.args_bytes) else format('has errors of %s bytes', s.error_bytes) end as detail
  from size s
 where s.args_bytes > 4194304 or s.error_bytes > 5242880
 limit 101
