-- Lists messages about alerts, newest first, with what became of them.
-- role: viewer
-- $1 before bigint, $2 n int
-- plan: the newest by their id; for each the messages of its incident, by message_incident
select jsonb_build_object('id', m.id::text, 'made_at', m.made_at, 'rule', m.rule, 'subject', m.subject, 'channel', m.channel, 'count', m.count,
                          'state', case when m.delivered_at is not null then 'sent' when m.undeliverable_at is not null then 'undeliverable'
                                        when m.last_error is not null then 'failing' else 'waiting' end,
                          'tries', m.tries, 'after_ms', m.after_ms, 'delivered_at', m.delivered_at, 'next_try_at', case when m.delivered_at is null and m.undeliverable_at is null then m.next_try_at end,
                          'last_error', m.last_error, 'severity', m.body ->> 'severity', 'title', m.body ->> 'title', 'fingerprint', m.body ->> 'fingerprint',
                          'acknowledged_at', m.acknowledged_at, 'acknowledged_by', m.acknowledged_by,
                          'open', m.rule <> 'test' and m.acknowledged_at is null and coalesce(m.body ->> 'state', 'open') <> 'resolved'
                            and not (m.rule in ('first', 'again', 'burst') and exists (select from backstay.dead_group g where g.fingerprint = m.subject and g.state <> 'open'))
                            and not exists (
                            select from backstay.message r
                             where r.rule = m.rule and r.subject = m.subject and r.made_at >= m.made_at and r.body ->> 'state' = 'resolved'))::text
  from backstay.message m
 where $1::bigint is null or m.id < $1
 order by m.id desc limit $2::int
