-- Every job stands in exactly one place.
-- sort: defect                         role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
with odd as materialized (
  select j.job_id from backstay.check_job j
   where $1::int is null or j.job_id % 16 = $1::int
   group by j.job_id having count(*) <> 1 or bool_or(j.place = 'nowhere')
   limit 101)
select j.job_id::text as subject, 'stands in ' || string_agg(j.place, ', ' order by j.place) as detail
  from odd o join backstay.check_job j on j.job_id = o.job_id
 group by j.job_id
