-- Every claim, with the whole fence and until when its worker's lease holds. Columns are only ever added, at the end.
-- role: viewer, operator, worker, auditor
create or replace view backstay.check_claim as
select r.job_id, r.attempt, r.worker as worker_id, r.claimed_at, w.lease_until
  from backstay.running r left join backstay.worker w on w.id = r.worker;
