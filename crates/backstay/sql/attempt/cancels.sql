-- Lists this worker's running jobs that somebody wants to end, and those whose output somebody looks at.
-- moves: none                          role: worker
-- $1 worker uuid
-- plan: the partial index of cancelled rows and the table of wishes, both nearly always empty
select (select jsonb_agg(jsonb_build_object('id', r.job_id::text, 'attempt', r.attempt, 'reason', r.cancel ->> 'reason', 'by', r.cancel ->> 'by'))
          from backstay.running r where r.worker = $1::uuid and r.cancel is not null)::text as cancels,
       (select jsonb_object_agg(w.job_id::text, ceil(extract(epoch from w.until - statement_timestamp()) * 1000)::bigint)
          from backstay.wish w join backstay.running r on r.job_id = w.job_id
         where r.worker = $1::uuid and w.until > statement_timestamp())::text as wishes
