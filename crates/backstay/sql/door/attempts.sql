-- Every attempt that ended: those that did not complete with their evidence, those that did from history. Columns are
-- only ever added, at the end.
-- role: viewer
create or replace view backstay.attempts as
select a.job_id, a.attempt, a.kind, a.queue, a.outcome, a.billed, a.claimed_at, a.ended_at, a.worker, a.error_class, a.message, a.trace,
       a.fingerprint, a.signal, a.exit_code, a.late, a.survivor, a.suspect, a.wall_ms, a.cpu_ms, a.peak_kib, a.peak_source, a.processes_peak,
       a.scratch_bytes, a.output_bytes, a.stderr, a.release, a.child, t.limits, t.level, t.holders
  from backstay.attempt a
  left join backstay.terms t on t.no = a.terms_no
union all
select h.job_id, h.attempt, h.kind, h.queue, 'completed', 'nothing', h.claimed_at, h.finished_at, h.worker, null, null, null,
       null, null, null, coalesce((h.detail ->> 'late')::boolean, false), false, false, h.wall_ms, h.cpu_ms, h.peak_kib,
       h.detail ->> 'peak_source', (h.detail ->> 'processes_peak')::int, (h.detail ->> 'scratch_bytes')::bigint,
       (h.detail ->> 'output_bytes')::bigint, null, h.release, h.detail -> 'child', t.limits, t.level, t.holders
  from backstay.history h
  left join backstay.terms t on t.no = h.terms_no
 where h.state = 'completed';
