-- Lists this worker's running jobs that somebody wants to end.
-- moves: none                          role: worker
-- $1 worker uuid
-- plan: the partial index of cancelled rows, nearly always empty
select (select jsonb_agg(jsonb_build_object('id', r.job_id::text, 'attempt', r.attempt, 'reason', r.cancel ->> 'reason', 'by', r.cancel ->> 'by'))
          from backstay.running r where r.worker = $1::uuid and r.cancel is not null)::text as cancels
