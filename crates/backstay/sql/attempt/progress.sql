-- Notes how far running attempts are; the last word wins.
-- moves: none                          role: worker
-- $1 ids bigint[], $2 attempts int[], $3 worker uuid, $4 percents real[], $5 notes text[]
-- locks: running rows for key share, progress rows by primary key
insert into backstay.progress as p (job_id, at, attempt, percent, note)
select a.job_id, backstay.clock(), a.attempt, a.percent, a.note
  from unnest($1::bigint[], $2::int[], $4::real[], $5::text[]) a(job_id, attempt, percent, note)
 where exists (select from backstay.running r
                where r.job_id = a.job_id and r.attempt = a.attempt and r.worker = $3::uuid for key share)
 order by a.job_id
on conflict (job_id) do update set at = excluded.at, attempt = excluded.attempt,
   percent = coalesce(excluded.percent, p.percent), note = coalesce(excluded.note, p.note)
returning job_id
