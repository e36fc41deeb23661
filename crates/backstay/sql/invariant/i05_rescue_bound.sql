-- A job whose worker has let its lease run out is taken over within 15 seconds.
-- sort: alarm (nobody else lives who could take it over, or a rescuer's own beats had gaps)     role: viewer
-- note: a server that has just been started proves nothing about anybody; times are compared with that of the snapshot
select c.job_id::text as subject, format('the lease of worker %s is over since %s', c.worker_id, c.lease_until) as detail
  from backstay.check_claim c
 where c.lease_until < now() - interval '15 s'
   and pg_postmaster_start_time() < now() - interval '45 s'
 limit 101
