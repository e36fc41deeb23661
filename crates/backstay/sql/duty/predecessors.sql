-- Workers of this host that went within a day without a goodbye, and how many jobs each had aboard. One is told once: by
-- the first worker that starts here after its last beat.
-- moves: none                          role: worker
-- $1 me uuid, $2 host text
-- locks: presence locks, shared and tried for this transaction: got one means that nobody holds it
select w.id,
       (select count(*) from backstay.running r where r.worker = w.id)
       + coalesce((select sum((a.detail ->> 'jobs')::int) from backstay.alert a
                    where a.rule = 'worker_lost' and a.subject = w.id::text), 0) as jobs
  from backstay.worker w
 where w.host = $2::text and w.id <> $1::uuid and w.goodbye_at is null
   and w.beat_at > statement_timestamp() - interval '24 hours'
   and (w.lost_at is not null or w.lease_until < statement_timestamp()
        or case when w.presence is null then false
                else pg_try_advisory_xact_lock_shared(1112757337, w.presence) end)
   and not exists (select from backstay.worker later
                    where later.host = w.host and later.id not in (w.id, $1::uuid) and later.started_at > w.beat_at)
 order by w.id limit 100
