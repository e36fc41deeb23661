-- What handlers left in the application's table, with the transaction that wrote it.
select jsonb_build_object('job', job_id, 'attempt', attempt, 'xid', xid)::text from public.effect order by xid
