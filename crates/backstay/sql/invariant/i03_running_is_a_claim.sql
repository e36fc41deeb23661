-- Every running job is held by a whole claim, attempt, worker and lease, and every claim is of a running job.
-- sort: defect                         role: viewer
select job_id::text as subject,
       case when j.attempt is null then 'is claimed, and does not run'
            when c.claimed is null then 'runs, and nobody has claimed it'
            when c.claimed < 1 then format('is claimed for attempt %s', c.claimed)
            when c.worker_id is null or c.lease_until is null then 'is held by a worker that has no lease'
            else format('runs its attempt %s, claimed was attempt %s', j.attempt, c.claimed) end as detail
  from (select j.job_id, j.attempt from backstay.check_job j where j.place = 'running') j
  full join (select c.job_id, c.attempt as claimed, c.worker_id, c.lease_until from backstay.check_claim c) c using (job_id)
 where j.attempt is distinct from c.claimed or c.claimed < 1 or c.worker_id is null or c.lease_until is null
 limit 101
