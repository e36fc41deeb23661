-- Lists running jobs, the longest running first, at most 2,000: each with what its worker's last beat said of it.
-- role: viewer
-- $1 only this job bigint, or null
-- plan: the samples of a worker are looked through for its own jobs only, and there are at most 32 of them
with seen as materialized (
  select w.id, w.host, w.level, w.beat_at, w.samples from backstay.workers w where w.state <> 'gone')
select jsonb_build_object(
         'id', r.job_id::text, 'kind', r.kind, 'queue', r.queue, 'priority', r.priority, 'attempt', r.attempt, 'started_at', r.claimed_at,
         'worker', r.worker, 'host', w.host, 'level', coalesce(s.sample ->> 'level', w.level), 'cancelling', r.cancel is not null,
         'memory_bytes', s.sample -> 'rss', 'memory_limit_bytes', s.sample -> 'limit', 'cpu_ms', s.sample -> 'cpu_ms',
         'sampled_at', case when s.sample is not null then w.beat_at end, 'percent', p.percent, 'note', p.note)::text
  from (select * from backstay.running r where $1::bigint is null or r.job_id = $1 order by r.claimed_at limit 2000) r
  left join seen w on w.id = r.worker
  left join backstay.progress p on p.job_id = r.job_id and p.attempt = r.attempt
  left join lateral (
    select a.sample from jsonb_array_elements(w.samples) a(sample)
     where a.sample ->> 'job' = r.job_id::text and (a.sample ->> 'attempt')::int = r.attempt limit 1) s on true
 order by r.claimed_at, r.job_id
