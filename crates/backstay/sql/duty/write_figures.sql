-- Writes what a worker counted in its last minutes, always the whole of a minute, so that a repeat changes nothing.
-- moves: none                          role: worker
-- $1 worker uuid, $2 rows text: a JSON list of objects, named as the columns are, with `minute` since 1970
-- note: a minute that may be folded before this arrives again is given up; what a crash of the server takes is only figures
with quick as materialized (select set_config('synchronous_commit', 'off', true))
insert into backstay.figure as f (step, at, queue, kind, worker, started, completed, cancelled, dead, failed, lost, snoozed, wait_ms, run_ms,
                                  cpu_ms, waits, runs, peaks)
select 0, to_timestamp(r.minute * 60), r.queue, r.kind, $1::uuid, r.started, r.completed, r.cancelled, r.dead, r.failed, r.lost, r.snoozed,
       r.wait_ms, r.run_ms, r.cpu_ms, r.waits, r.runs, r.peaks
  from quick cross join jsonb_to_recordset($2::text::jsonb) r(minute bigint, queue text, kind text, started bigint, completed bigint, cancelled bigint,
         dead bigint, failed bigint, lost bigint, snoozed bigint, wait_ms bigint, run_ms bigint, cpu_ms bigint, waits bigint[], runs bigint[],
         peaks bigint[])
 where to_timestamp(r.minute * 60) > statement_timestamp() - interval '5 minutes'
 order by r.minute, r.queue, r.kind
on conflict (step, at, queue, kind, worker) do update
   set started = excluded.started, completed = excluded.completed, cancelled = excluded.cancelled, dead = excluded.dead,
       failed = excluded.failed, lost = excluded.lost, snoozed = excluded.snoozed, wait_ms = excluded.wait_ms, run_ms = excluded.run_ms,
       cpu_ms = excluded.cpu_ms, waits = excluded.waits, runs = excluded.runs, peaks = excluded.peaks
