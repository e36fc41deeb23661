-- Lists the alert channels of the worker that tells alerts, by name, with what became of the newest 500 messages of each.
-- role: viewer
select jsonb_build_object('name', c.name, 'seen_at', c.seen_at, 'sent_at', m.sent_at, 'waiting', m.waiting, 'failing', m.failing,
                          'undeliverable', m.undeliverable, 'steps', m.steps, 'next_step_at', m.next_step_at)::text
  from backstay.channel c
 cross join lateral (
   select max(m.delivered_at) as sent_at,
          count(*) filter (where m.is_open and m.after_ms = 0 and m.last_error is null) as waiting,
          count(*) filter (where m.is_open and m.last_error is not null) as failing,
          count(*) filter (where m.undeliverable_at > statement_timestamp() - interval '7 days' and m.rule <> 'test') as undeliverable,
          count(*) filter (where m.is_open and m.after_ms > 0 and m.tries = 0) as steps,
          min(m.next_try_at) filter (where m.is_open and m.after_ms > 0 and m.tries = 0) as next_step_at
     from (select m.*, m.delivered_at is null and m.undeliverable_at is null as is_open
             from backstay.message m where m.channel = c.name order by m.id desc limit 500) m) m
 order by c.name limit 200
