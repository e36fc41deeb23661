-- Lists the ticks of a schedule, the newest first, each with the state of its job.
-- role: viewer
-- $1 schedule text, $2 before timestamptz (null: from the newest), $3 n int
select jsonb_build_object(
         'tick_at', t.tick_at, 'decided_at', t.decided_at, 'outcome', t.outcome, 'cause', t.cause, 'note', t.note, 'job', t.job_id::text,
         'state', case when t.job_id is not null then coalesce(
                    (select j.state from backstay.jobs j where j.id = t.job_id),
                    (select 'dead' from backstay.dead_letters d where d.id = t.job_id),
                    (select e.state from backstay.ended e where e.id = t.job_id order by e.finished_at desc limit 1)) end)::text
  from backstay.tick t
 where t.schedule = $1::text and ($2::timestamptz is null or t.tick_at < $2::timestamptz)
 order by t.tick_at desc limit $3::int
