-- Shows which attempts no longer hold their jobs: others hold them, or they are over. An attempt whose handler completed
-- the job in its own transaction is none of these.
-- moves: none                          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid
select a.job_id
  from unnest($1::bigint[], $2::int[]) a(job_id, attempt)
 where not exists (select from backstay.running r
                    where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid)
   and not exists (select from backstay.history h
                    where h.job_id = a.job_id and h.attempt = a.attempt and h.worker = $3::uuid and h.state = 'completed')
