-- Raises the alerts of states that hold by now, once each, and the end of those that do not hold any more.
-- moves: none                          role: worker
-- $1 unread_ms bigint, $2 prompt_queues text[], $3 start_within_ms bigint[] (both: queues that promise to start jobs sooner), $4 horizon_ms bigint,
-- $5 off text[] (rules that nobody is told of), $6 big_percent int, $7 big_times int, $8 big_within_ms bigint, $9 interruptions int
-- locks: none
-- note: what was told already is read from the messages; unread dead letters are told again after each time of their length
with recursive
-- One step per queue that has anything in line, not one per job.
queues as (
  (select r.queue from backstay.ready r order by r.queue limit 1)
  union all
  select (select r.queue from backstay.ready r where r.queue > q.queue order by r.queue limit 1) from queues q where q.queue is not null),
heads as materialized (
  select q.queue, (extract(epoch from backstay.clock() - min(h.ready_at)) * 1000)::bigint as waited_ms,
         exists (select from backstay.worker w
                  where w.lease_until > statement_timestamp() and w.goodbye_at is null and q.queue = any(w.queues)) as served,
         -- What no worker can take is passed over, so it comes to stand at the head of its level.
         max(h.memory_mib) as memory_mib,
         (select max((w.admission ->> 'memory_budget')::bigint >> 20) from backstay.worker w
           where w.lease_until > statement_timestamp() and w.goodbye_at is null and q.queue = any(w.queues)) as memory_most
    from queues q
   cross join generate_series(0, 9) p(priority)
   cross join lateral (
     select r.ready_at, r.memory_mib from backstay.ready r
      where r.queue = q.queue and r.priority = p.priority order by r.seq limit 1) h
   where q.queue is not null
     and not exists (select from backstay.pause x where x.scope = 'queue' and x.name = q.queue
                      and (x.until is null or x.until > backstay.clock()))
   group by q.queue),
held as materialized (
  select p.kind, min(p.queue) as queue, count(*) as jobs, (extract(epoch from backstay.clock() - min(p.since)) * 1000)::bigint as waited_ms
    from backstay.parked p where p.reason = 'unknown_kind' group by p.kind),
unread as materialized (
  select g.kind, min(d.queue) as queue, count(*) as groups,
         (extract(epoch from backstay.clock() - min(d.died_at)) * 1000)::bigint as waited_ms
    from backstay.dead_group g
   cross join lateral (
     select d.queue, d.died_at from backstay.dead_letter d
      where d.fingerprint = g.fingerprint and d.discarded_at is null order by d.died_at limit 1) d
   where g.state = 'open'
   group by g.kind),
failing as materialized (
  select m.channel, count(*) as messages, min(m.last_error) as error
    from backstay.message m
   where m.delivered_at is null and m.undeliverable_at is null and m.last_error is not null
     and m.due_at < statement_timestamp() - interval '5 min'
   group by m.channel),
-- Whatever the others do: of a queue that is served nothing has completed for ten minutes, though work is due, and nothing
-- that runs says that it gets on. Of each kind that its workers know, the newest thousand ends are looked at.
idle as materialized (
  select h.queue, h.waited_ms, (select count(*) from backstay.running r where r.queue = h.queue) as running
    from heads h
   where h.served and h.waited_ms > 600000
     and not exists (
       select from backstay.running r join backstay.progress p on p.job_id = r.job_id and p.attempt = r.attempt
        where r.queue = h.queue and p.at > backstay.clock() - interval '10 min')
     and not exists (
       select from (select distinct k.name from backstay.worker w cross join lateral jsonb_object_keys(w.kinds) k(name)
                     where w.lease_until > statement_timestamp() and w.goodbye_at is null and h.queue = any(w.queues)
                    union select r.kind from (select x.kind from backstay.ready x where x.queue = h.queue order by x.priority, x.seq limit 10) r) k
       cross join lateral (
         select e.queue from backstay.history e
          where e.kind = k.name and e.state = 'completed' and e.finished_at > backstay.clock() - interval '10 min'
          order by e.finished_at desc limit 1000) e
        where e.queue = h.queue)),
-- Seen as far as this login may; a vacuum has a snapshot that holds nobody back.
holder as materialized (
  select a.pid, coalesce(nullif(a.application_name, ''), a.usename::text, a.backend_type) as who, a.state,
         (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::bigint as waited_ms
    from pg_stat_activity a
   where coalesce(a.backend_xmin, a.backend_xid) is not null and a.pid <> pg_backend_pid() and a.datname = current_database()
     and a.xact_start < clock_timestamp() - $4::bigint * interval '1 ms' and a.backend_type <> 'autovacuum worker' and a.query not ilike 'vacuum%'
   order by a.xact_start limit 1),
-- Kinds of which the sums of yesterday and today say that some attempt may have come close to its limit; of each the newest
-- thousand ends of both sorts are looked at. What a lost worker saw last is no peak.
big as materialized (
  select k.kind, count(*) as attempts, max(e.peak_kib) as peak_kib, min(e.limit_kib) as limit_kib, $6::int as percent
    from (select distinct p.kind from backstay.peak p
           where p.day >= (backstay.clock() at time zone 'UTC')::date - 1
             and (p.bucket = 23 or 1024 * power(1.5, p.bucket) * 100 > p.limit_kib::bigint * $6::int)) k
   cross join lateral (
     select e.peak_kib, ((t.limits ->> 'memory_bytes')::bigint / 1024) as limit_kib from (
       (select h.peak_kib, h.terms_no from backstay.history h
         where h.kind = k.kind and h.state = 'completed' and h.finished_at > backstay.clock() - $8::bigint * interval '1 ms'
         order by h.finished_at desc limit 1000)
        union all
       (select a.peak_kib, a.terms_no from backstay.attempt a
         where a.kind = k.kind and a.ended_at > backstay.clock() - $8::bigint * interval '1 ms' and a.peak_source is distinct from 'last'
         order by a.ended_at desc limit 1000)) e
     join backstay.terms t on t.no = e.terms_no) e
   where e.peak_kib::bigint * 100 > e.limit_kib * $6::int
   group by k.kind having count(*) >= $7::int),
-- Interrupted again and again since its last checkpoint; it runs, or stands at the head of its level, where it was put back.
stuck as materialized (
  select j.kind, min(j.queue) as queue, count(*) as jobs, max(i.interruptions) as interruptions, max(j.job_id) as job_id
    from (select r.kind, r.queue, r.job_id from backstay.running r where r.interrupt_count >= $9::int
          union all
          select r.kind, r.queue, r.job_id from queues q cross join generate_series(0, 9) p(priority)
           cross join lateral (
             select r.kind, r.queue, r.job_id, r.interrupt_count from backstay.ready r
              where r.queue = q.queue and r.priority = p.priority order by r.seq limit 50) r
           where q.queue is not null and r.interrupt_count >= $9::int) j
   cross join lateral (
     select count(*) as interruptions from backstay.attempt a
      where a.job_id = j.job_id and a.billed = 'interrupt'
        and a.attempt > coalesce((select c.attempt from backstay.checkpoint c where c.job_id = j.job_id), 0)) i
   where i.interruptions >= $9::int
   group by j.kind),
silent as materialized (
  select d.name, (extract(epoch from statement_timestamp() - d.last_ok_at) * 1000)::bigint as waited_ms
    from backstay.duty d
   where d.last_ok_at < statement_timestamp() - interval '10 min'
     and (d.name in ('lead', 'promote', 'tick', 'sort', 'rescue', 'look', 'expired', 'alert', 'replay')
          -- What can wait does while a worker has a brake on.
          or d.name in ('peaks', 'prune') and not exists (
            select from backstay.worker w where w.lease_until > statement_timestamp() and w.goodbye_at is null
               and jsonb_array_length(coalesce(w.admission -> 'brakes', '[]')) > 0))),
holds as materialized (
  select 'no_worker' as rule, h.queue as subject, null as kind, h.queue, jsonb_build_object('waited_ms', h.waited_ms) as detail
    from heads h where not h.served and h.waited_ms > 300000
  union all
  select 'queue_late', h.queue, null, h.queue, jsonb_build_object('waited_ms', h.waited_ms)
    from heads h
    left join unnest($2::text[], $3::bigint[]) s(queue, within_ms) on s.queue = h.queue
   where h.served and h.waited_ms > coalesce(s.within_ms, 900000)
  union all
  select 'needs_memory', h.queue, null, h.queue, jsonb_build_object('waited_ms', h.waited_ms, 'memory_mib', h.memory_mib)
    from heads h where h.memory_mib > h.memory_most and h.waited_ms > 60000
  union all
  select 'held_kind', h.kind, h.kind, h.queue, jsonb_build_object('waited_ms', h.waited_ms, 'jobs', h.jobs)
    from held h where h.waited_ms > 300000
  union all
  select 'unread', u.kind, u.kind, u.queue, jsonb_build_object('waited_ms', u.waited_ms, 'groups', u.groups)
    from unread u where u.waited_ms > $1::bigint
  union all
  select 'nothing_completed', i.queue, null, i.queue, jsonb_build_object('waited_ms', i.waited_ms, 'running', i.running)
    from idle i
  union all
  select 'horizon', 'database', null, null, jsonb_build_object('waited_ms', h.waited_ms, 'pid', h.pid, 'who', h.who, 'state', h.state)
    from holder h
  union all
  select 'too_big', b.kind, b.kind, null,
         jsonb_build_object('attempts', b.attempts, 'peak_kib', b.peak_kib, 'limit_kib', b.limit_kib, 'percent', b.percent, 'within_ms', $8::bigint)
    from big b
  union all
  select 'interrupted_often', s.kind, s.kind, s.queue, jsonb_build_object('jobs', s.jobs, 'interruptions', s.interruptions, 'job', s.job_id)
    from stuck s
  union all
  select 'loop_silent', s.name, null, null, jsonb_build_object('waited_ms', s.waited_ms) from silent s
  union all
  select 'alerts_failing', f.channel, null, null, jsonb_build_object('messages', f.messages, 'error', f.error) from failing f),
told as materialized (
  select distinct on (m.rule, m.subject) m.rule, m.subject, m.made_at, m.body ->> 'state' = 'resolved' as resolved,
         m.body ->> 'kind' as kind, m.body ->> 'queue' as queue
    from backstay.message m
   where m.rule in ('no_worker', 'queue_late', 'nothing_completed', 'held_kind', 'unread', 'horizon', 'loop_silent', 'alerts_failing', 'needs_memory',
                    'too_big', 'interrupted_often') and m.after_ms = 0
   order by m.rule, m.subject, m.made_at desc, m.id desc)
insert into backstay.alert (raised_at, rule, subject, kind, queue, detail)
select statement_timestamp(), h.rule, h.subject, h.kind, h.queue, h.detail
  from holds h left join told t on t.rule = h.rule and t.subject = h.subject
 where h.rule <> all($5::text[])
   and (t.subject is null or t.resolved
        or h.rule = 'unread' and t.made_at < statement_timestamp() - $1::bigint * interval '1 ms')
   and not exists (select from backstay.alert a where a.message_id is null and a.rule = h.rule and a.subject = h.subject)
union all
select statement_timestamp(), t.rule, t.subject, t.kind, t.queue, jsonb_build_object('resolved', true)
  from told t
 where not t.resolved
   and not exists (select from holds h where h.rule = t.rule and h.subject = t.subject)
   and not exists (select from backstay.alert a where a.message_id is null and a.rule = t.rule and a.subject = t.subject)
   -- A channel works again when it has taken something, not when its messages were given up.
   and (t.rule <> 'alerts_failing' or exists (
     select from backstay.message m where m.channel = t.subject and m.delivered_at > t.made_at))
