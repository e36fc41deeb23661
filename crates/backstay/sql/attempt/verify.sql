-- Shows which jobs still run although their handlers say that they completed them: their transactions never committed.
-- moves: none                          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid
select r.job_id
  from unnest($1::bigint[], $2::int[]) a(job_id, attempt)
  join backstay.running r on r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid
