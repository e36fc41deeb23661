-- Lists this worker's running jobs that somebody wants to end, and all jobs whose output somebody looks at: a job may be
-- over before its worker hears of it again.
-- moves: none                          role: worker
-- $1 worker uuid
-- plan: the partial index of cancelled rows and the table of wishes, both nearly always empty
select (select jsonb_agg(jsonb_build_object('id', r.job_id::text, 'attempt', r.attempt, 'reason', r.cancel ->> 'reason', 'by', r.cancel ->> 'by',
                                             'grace_ms', (r.cancel ->> 'grace_ms')::bigint))
          from backstay.running r where r.worker = $1::uuid and r.cancel is not null)::text as cancels,
       (select jsonb_object_agg(w.job_id::text, ceil(extract(epoch from w.until - statement_timestamp()) * 1000)::bigint)
          from (select job_id, until from backstay.wish where until > statement_timestamp() limit 1000) w)::text as wishes
