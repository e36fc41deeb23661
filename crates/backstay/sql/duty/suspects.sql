-- Shows every worker that might be dead, with the evidence; who judges it is in `model/lease.rs`.
-- moves: none                          role: worker
-- $1 me uuid
-- locks: presence locks, shared and tried for this transaction: got one means that nobody holds it
select w.id, w.presence, backstay.clock() as seen_at,
       w.goodbye_at is not null as goodbye,
       (extract(epoch from statement_timestamp() - w.lease_until) * 1000)::bigint as lease_over_ms,
       (extract(epoch from w.beat_at) * 1000)::bigint as beat_at_ms,
       case when w.presence is null then false
            else pg_try_advisory_xact_lock_shared(1112757337, w.presence) end as lock_free,
       (extract(epoch from statement_timestamp() - pg_postmaster_start_time()) * 1000)::bigint as server_up_ms,
       exists (select from backstay.queue q
                where q.name = any(w.queues) and q.settings ->> 'contact_lost' = 'kill') as kills_itself
  from backstay.worker w
 where w.id <> $1::uuid and w.lost_at is null
   and (w.goodbye_at is null or exists (select from backstay.running r where r.worker = w.id))
 order by w.id limit 1000
