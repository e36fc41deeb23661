-- Every worker that is known: whether it lives, and what it runs. Columns are only ever added, at the end.
-- role: viewer
create or replace view backstay.workers as
select w.id, w.host, w.pid, w.release, w.level, w.slots, w.queues, w.kinds, w.started_at, w.beat_at, w.lease_until,
       case when w.goodbye_at is not null then 'gone'
            when w.lost_at is not null and w.lease_until < statement_timestamp() then 'lost'
            when w.lease_until < statement_timestamp() then 'late'
            when w.drain_at is not null then 'draining'
            else 'live' end as state,
       coalesce(r.n, 0) as running, w.drain_at, w.goodbye_at, w.lost_at, w.presence is not null as direct, w.samples, w.admission, w.holders
  from backstay.worker w
  left join (select worker, count(*) as n from backstay.running group by worker) r on r.worker = w.id;
