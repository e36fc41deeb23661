-- Lists workers, those that live first; those that are gone only where asked.
-- role: viewer
-- $1 gone boolean
select jsonb_build_object('id', w.id, 'state', w.state, 'host', w.host, 'pid', w.pid, 'release', w.release, 'level', w.level, 'slots', w.slots,
                          'running', w.running, 'queues', to_jsonb(w.queues), 'kinds', (select coalesce(jsonb_agg(k order by k), '[]') from jsonb_object_keys(w.kinds) k),
                          'started_at', w.started_at, 'beat_at', w.beat_at, 'lease_until', w.lease_until, 'drain_at', w.drain_at,
                          'goodbye_at', w.goodbye_at, 'lost_at', w.lost_at, 'direct', w.direct, 'admission', w.admission,
                          'holders', w.holders)::text
  from backstay.workers w
 where $1::boolean or w.state <> 'gone'
 order by w.state = 'gone', w.started_at desc limit 500
