-- Every job that waits or runs has its body: what was asked for.
-- sort: defect                         role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
select j.job_id::text as subject, 'stands in ' || j.place || ' without a body' as detail
  from backstay.check_job j
 where not j.has_body and ($1::int is null or j.job_id % 16 = $1::int)
 limit 101
