-- Every dead letter has the alert of its death.
-- sort: defect                         role: viewer
-- $1 part int (0 to 15: only jobs whose id leaves it when divided by 16; null: all)
select d.job_id::text as subject, format('died in attempt %s, and nobody was told', d.attempt) as detail
  from backstay.check_job d
 where d.place = 'dead_letter'
   and not exists (select from backstay.check_alert a where a.job_id = d.job_id and a.attempt = d.attempt)
   and ($1::int is null or d.job_id % 16 = $1::int)
 limit 101
