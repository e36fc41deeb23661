-- What is held up: jobs that are parked, jobs past their lease, dead letters that nobody looks at, replays that stopped, duties that
-- nobody does; and how strictly limits are held; up to 10,000 rows of each are looked at.
-- role: viewer
with parked as materialized (
  select p.reason, p.subject, p.since from backstay.parked p order by p.reason, p.subject limit 10000)
select jsonb_build_object(
         'parked', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
                      select p.reason, p.subject, count(*) as jobs, min(p.since) as since, min(p.since) < backstay.clock() - interval '24 hours' as long
                        from parked p group by p.reason, p.subject order by count(*) desc limit 20) x),
         'overdue', (select count(*) from (select from backstay.running r where r.deadline_at < statement_timestamp() limit 1000) x),
         'late', (select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'host', w.host, 'state', w.state, 'running', w.running, 'beat_at', w.beat_at)), '[]')
                    from (select * from backstay.workers w where w.state in ('late', 'lost') and w.running > 0 order by w.beat_at limit 20) w),
         'held_back', (select coalesce(jsonb_agg(jsonb_build_object('host', x.host, 'admission', x.admission)), '[]')
                         from (select w.host, w.admission from backstay.workers w
                                where w.state in ('live', 'draining') and w.admission <> '{}' order by w.started_at limit 500) x),
         'levels', (select coalesce(jsonb_agg(to_jsonb(l)), '[]') from (
                      select w.level, w.holders, count(*) as workers from backstay.workers w where w.state in ('live', 'draining')
                       group by w.level, w.holders order by count(*) desc limit 10) l),
         'releases', (select coalesce(jsonb_agg(to_jsonb(l)), '[]') from (
                        select w.release, count(*) as workers, min(w.started_at) < statement_timestamp() - interval '1 hour' as long
                          from backstay.workers w where w.state = 'live' group by w.release order by w.release limit 20) l),
         -- Only those that this release does: a row of another one stays for ever.
         'undone', (select coalesce(jsonb_agg(jsonb_build_object('name', d.name, 'last_ok_at', d.last_ok_at) order by d.last_ok_at), '[]') from backstay.duty d
                     where d.last_ok_at < statement_timestamp() - interval '10 minutes'
                       and d.name in ('lead', 'promote', 'tick', 'sort', 'rescue', 'look', 'expired', 'alert', 'watch', 'replay', 'peaks', 'prune')),
         'stopped', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id::text, 'left', r.total - r.next) order by r.id desc), '[]') from (
                       select * from backstay.replay r where r.state = 'stopped' and r.started_at > backstay.clock() - interval '7 days'
                        order by r.id desc limit 20) r),
         'in_line', (select c.reltuples::bigint from pg_class c where c.oid = 'backstay.ready'::regclass),
         'living', (select count(*) from backstay.workers w where w.state in ('live', 'draining')),
         'unread', (select count(*) from (
                      select from (select d.died_at, d.group_state, d.group_until from backstay.dead_letters d
                                    where d.discarded_at is null order by d.died_at limit 10000) d
                       where d.died_at < backstay.clock() - interval '24 hours'
                         and (d.group_state is null or d.group_state in ('open', 'empty') or d.group_state = 'muted' and d.group_until <= backstay.clock())
                       limit 1001) x))::text
