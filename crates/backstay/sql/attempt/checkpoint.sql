-- Keeps what the next attempt of a job will begin with.
-- moves: none                          role: worker
-- $1 id bigint, $2 attempt int, $3 worker uuid, $4 value text
-- locks: the running row for key share, the checkpoint row
insert into backstay.checkpoint (job_id, at, attempt, value)
select r.job_id, backstay.clock(), r.attempt, $4::text::jsonb
  from backstay.running r
 where r.job_id = $1::bigint and r.attempt = $2::int and r.worker = $3::uuid
   for key share
on conflict (job_id) do update set at = excluded.at, attempt = excluded.attempt, value = excluded.value
returning job_id
