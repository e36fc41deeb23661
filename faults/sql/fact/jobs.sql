-- Every job that the database knows, as the checker wants to hear it. A waiting one has its reason, if there is one.
select jsonb_build_object(
         'id', c.job_id,
         'key', coalesce(coalesce(j.args, d.args, b.args) ->> 'n', case when coalesce(j.args, d.args, b.args) is not null then c.kind end),
         'stands', case c.place
            when 'running' then to_jsonb('running'::text)
            when 'dead_letter' then jsonb_build_object('dead', jsonb_build_object('attempt', c.attempt))
            when 'history' then to_jsonb(h.state)
            else jsonb_build_object('waiting', case
              when c.is_held then 'held back'
              when c.run_at > statement_timestamp() then 'not due yet'
              when q.paused then 'its queue is paused'
              when q.served is not true then 'nobody serves its queue' end) end)::text
  from backstay.check_job c
  left join backstay.job j on j.id = c.job_id
  left join backstay.dead_letter d on d.id = c.job_id
  left join backstay.history h on h.job_id = c.job_id and c.place = 'history'
  left join backstay.history_body b on b.job_id = c.job_id
  left join backstay.check_queue q on q.queue = c.queue
 order by c.job_id
