-- A worker's sign of life, once for all its jobs; the answer carries what a worker must hear.
-- moves: none                          role: worker
-- $1 worker uuid, $2 lease_ms bigint, $3 presence int, $4 pid int, $5 slots int, $6 host text, $7 release text, $8 level text,
-- $9 queues text[], $10 kinds text, $11 samples text, $12 admission text, $13 holders text
-- note: the machines' times are real ones: moving the testing kit's clock must not kill anybody
with before as (
  select w.lost_at is not null or w.lease_until < statement_timestamp() as lost from backstay.worker w where w.id = $1::uuid),
beaten as (
  insert into backstay.worker as w (id, beat_at, lease_until, started_at, presence, pid, slots, host, release, level, queues, kinds, samples,
          admission, holders)
  values ($1::uuid, statement_timestamp(), statement_timestamp() + $2::bigint * interval '1 ms', statement_timestamp(), $3::int,
          $4::int, $5::int, $6::text, $7::text, $8::text, $9::text[], $10::text::jsonb, $11::text::jsonb, $12::text::jsonb,
          $13::text::jsonb)
  on conflict (id) do update set beat_at = excluded.beat_at, lease_until = excluded.lease_until, presence = excluded.presence,
          samples = excluded.samples, kinds = excluded.kinds, admission = excluded.admission, lost_at = null
  returning drain_at)
select (select drain_at is not null from beaten) as drain,
       coalesce((select lost from before), false) as lost,
       (select jsonb_agg(jsonb_build_object('id', r.job_id::text, 'attempt', r.attempt, 'reason', r.cancel ->> 'reason', 'by', r.cancel ->> 'by',
                                             'grace_ms', (r.cancel ->> 'grace_ms')::bigint))
          from backstay.running r where r.worker = $1::uuid and r.cancel is not null)::text as cancels,
       (select jsonb_object_agg(w.job_id::text, ceil(extract(epoch from w.until - statement_timestamp()) * 1000)::bigint)
          from (select job_id, until from backstay.wish where until > statement_timestamp() limit 1000) w)::text as wishes,
       (extract(epoch from pg_postmaster_start_time()) * 1000)::bigint as server_started_ms,
       (extract(epoch from statement_timestamp()) * 1000)::bigint as server_now_ms,
       (select jsonb_object_agg(d.name, (extract(epoch from statement_timestamp() - d.last_ok_at) * 1000)::bigint) from backstay.duty d)::text as duties,
       -- Without the right to see others' sessions, which counting them needs none of.
       (select sum(pg_stat_get_db_numbackends(b.oid)) from pg_database b)::int as sessions,
       current_setting('max_connections')::int as sessions_most
