-- Lists what the database believes this worker is running, for comparison with what it knows.
-- moves: none                          role: worker
-- $1 worker uuid
select r.job_id, r.attempt from backstay.running r where r.worker = $1::uuid order by r.job_id
