-- Counts what a worker with these queues and kinds has still to do, by what must happen next.
-- $1 worker uuid, $2 queues text[], $3 kinds text[]
with claimable as (
  select r.queue, r.priority, r.seq from backstay.ready r
   where r.queue = any($2::text[]) and r.kind = any($3::text[])
     and not exists (select from backstay.pause p
                      where (p.scope, p.name) in (('queue', r.queue), ('kind', r.kind))
                        and (p.until is null or p.until > backstay.clock())))
select (select count(*) from claimable) as ready,
       (select c.queue from claimable c order by c.priority, c.seq limit 1) as queue,
       (select count(*) from backstay.running r where r.worker = $1::uuid) as running,
       (select string_agg(format('%s (%s)', r.job_id, r.kind), ', ' order by r.job_id)
          from backstay.running r where r.worker = $1::uuid) as names,
       (select count(*) from backstay.scheduled s where s.run_at <= backstay.clock()) as scheduled,
       (select count(*) from backstay.ready r join backstay.pause p on p.scope = 'kind' and p.name = r.kind
         where p.until is null or p.until > backstay.clock()) as misplaced,
       (select count(*) from backstay.parked p
         where p.reason = 'paused'
               and not exists (select from backstay.pause x
                                where x.scope = 'kind' and x.name = p.subject and (x.until is null or x.until > backstay.clock()))
            or p.reason = 'unknown_kind' and p.queue = any($2::text[]) and p.kind = any($3::text[])) as parked,
       (select count(*) from backstay.job j
         where j.expires_at < backstay.clock()
           and not exists (select from backstay.running r where r.job_id = j.id)) as expired
