-- Gathers all that says why a job does not run: where it stands, what is paused, who could take it, what is before it, and how
-- fast its queue moves. What follows from that say `model/why.rs` and, in fewer words, the door `why`.
-- needs: door/show.sql door/jobs.sql door/workers.sql door/dead_letters.sql door/ended.sql door/attempts.sql inner/clock.sql
-- plan: looks by key, all that runs, one index range of a line up to 10,000, and of at most 50 kinds the last 500 ends of five minutes
create or replace function backstay.why_facts(job_id bigint) returns jsonb
language sql volatile set search_path = pg_catalog, backstay, pg_temp set enable_seqscan = off set enable_sort = off set enable_hashjoin = off
  set enable_mergejoin = off set jit = off as $$
  with doc as materialized (
    select s.document from backstay.show($1) s(document) where s.document is not null),
  place as materialized (
    select d.document ->> 'queue' as queue, d.document ->> 'kind' as kind, d.document ->> 'state' as state,
           (d.document ->> 'priority')::smallint as priority
      from doc d),
  crew as materialized (
    select w.* from backstay.workers w cross join place p
     where (p.state in ('scheduled', 'parked', 'ready') and p.queue = any(w.queues) and w.state in ('live', 'draining'))
        or (p.state = 'running' and (w.state = 'live' or exists (select from backstay.running r where r.job_id = $1 and r.worker = w.id)))
     order by w.started_at limit 500),
  entry as materialized (
    select r.queue, r.priority, r.seq from place p
      join backstay.ready r on r.queue = p.queue and r.priority = p.priority and r.seq = $1 and r.job_id = $1
    union all
    select r.queue, r.priority, r.seq from backstay.ready r where r.job_id = $1 and r.seq <> r.job_id),
  ahead as (
    select count(*) as n, count(*) filter (where x.priority < e.priority) as urgent
      from entry e cross join lateral (
        select r.priority from backstay.ready r
         where r.queue = e.queue and (r.priority, r.seq) < (e.priority, e.seq) order by r.priority, r.seq limit 10001) x),
  busy as materialized (
    select r.job_id, r.worker, r.priority, r.kind, r.claimed_at
      from backstay.running r join place p on p.queue = r.queue where p.state = 'ready' order by r.claimed_at limit 10000),
  kinds as (
    select k.name from (
      select k.name from crew c cross join lateral jsonb_object_keys(c.kinds) k(name) where k.name <> '*'
       union select b.kind from busy b union select p.kind from place p) k
     order by k.name limit 50),
  rates as (
    select e.n, greatest(backstay.clock() - case when e.n < 500 then greatest(backstay.clock() - interval '5 minutes', least(e.oldest, s.first)) else e.oldest end,
                         interval '1 second') as span
      from (select min(c.started_at) as first from crew c) s
     cross join place p
     cross join kinds k
     cross join lateral (
       select count(*) as n, min(x.at) as oldest from (
         select e.finished_at as at from backstay.ended e
          where e.kind = k.name and e.queue = p.queue and e.started_at is not null and e.finished_at > backstay.clock() - interval '5 minutes'
          order by e.finished_at desc limit 500) x
       union all
       select count(*), min(x.at) from (
         select a.ended_at as at from backstay.attempts a
          where a.kind = k.name and a.queue = p.queue and a.outcome <> 'completed' and a.ended_at > backstay.clock() - interval '5 minutes'
          order by a.ended_at desc limit 500) x) e
     where p.state = 'ready' and e.n > 0)
  select jsonb_build_object(
           'now', backstay.clock(), 'job', (select d.document from doc d),
           'since', (select j.since from backstay.jobs j where j.id = $1), 'subject', (select j.subject from backstay.jobs j where j.id = $1),
           'cancel', (select jsonb_build_object('by', r.cancel ->> 'by', 'reason', r.cancel ->> 'reason') from backstay.running r where r.job_id = $1 and r.cancel is not null),
           'letter', (select jsonb_build_object('title', l.title, 'fingerprint', l.fingerprint, 'state', coalesce(l.group_state, 'open'), 'by', l.group_by, 'note', l.group_note,
                                                'discarded_at', l.discarded_at, 'discarded_by', l.discarded_by)
                        from backstay.dead_letters l where l.id = $1),
           'last', (select jsonb_build_object('attempt', a.attempt, 'outcome', a.outcome, 'ended_at', a.ended_at)
                      from backstay.attempts a where a.job_id = $1 order by a.attempt desc limit 1),
           'pauses', (select coalesce(jsonb_agg(jsonb_build_object('scope', x.scope, 'name', x.name, 'since', x.since, 'until', x.until, 'by', x.by, 'reason', x.reason)
                                                  order by x.until desc nulls first, x.scope desc), '[]')
                        from backstay.pause x join place p on (x.scope, x.name) in (('queue', p.queue), ('kind', p.kind))
                       where x.until is null or x.until > backstay.clock()),
           'workers', (select coalesce(jsonb_agg(jsonb_build_object(
                                'id', c.id, 'state', c.state, 'host', c.host, 'pid', c.pid, 'release', c.release, 'level', c.level, 'slots', c.slots,
                                'running', c.running, 'queues', to_jsonb(c.queues), 'kinds', (select coalesce(jsonb_agg(k order by k), '[]') from jsonb_object_keys(c.kinds) k),
                                'started_at', c.started_at, 'beat_at', c.beat_at, 'lease_until', c.lease_until, 'drain_at', c.drain_at,
                                'goodbye_at', c.goodbye_at, 'lost_at', c.lost_at, 'direct', c.direct, 'admission', c.admission) order by c.started_at), '[]')
                         from crew c),
           'served', (select jsonb_build_object('host', w.host, 'at', w.beat_at) from backstay.workers w join place p on p.queue = any(w.queues)
                       order by w.beat_at desc limit 1),
           'ahead', (select jsonb_build_object('count', least(a.n, 10000), 'more', a.n > 10000, 'urgent', least(a.urgent, 10000)) from ahead a),
           'busy', (select coalesce(jsonb_agg(jsonb_build_object('worker', b.worker, 'priority', b.priority, 'jobs', b.n)), '[]')
                      from (select b.worker, b.priority, count(*) as n from busy b group by b.worker, b.priority) b),
           'longest', (select coalesce(jsonb_agg(jsonb_build_object('id', b.job_id::text, 'kind', b.kind, 'worker', b.worker, 'since', b.claimed_at) order by b.claimed_at), '[]')
                         from (select * from busy order by claimed_at limit 3) b),
           'per_hour', (select sum(r.n / extract(epoch from r.span)) * 3600 from rates r)::float8)
$$;
revoke all on function backstay.why_facts(bigint) from public;
