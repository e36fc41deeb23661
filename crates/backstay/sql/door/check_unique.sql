-- Every unique key that is held, by which job and until when. Columns are only ever added, at the end.
-- role: viewer, operator, worker, auditor
create or replace view backstay.check_unique as
select k.hash, k.job_id, k.expires_at, k.until from backstay.unique_key k;
