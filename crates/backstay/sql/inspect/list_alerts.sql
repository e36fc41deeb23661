-- Lists messages about alerts, newest first, with what became of them.
-- role: viewer
-- $1 before bigint, $2 n int
select jsonb_build_object('id', m.id::text, 'made_at', m.made_at, 'rule', m.rule, 'subject', m.subject, 'channel', m.channel, 'count', m.count,
                          'state', case when m.delivered_at is not null then 'sent' when m.undeliverable_at is not null then 'undeliverable'
                                        when m.last_error is not null then 'failing' else 'waiting' end,
                          'tries', m.tries, 'after_ms', m.after_ms, 'delivered_at', m.delivered_at, 'next_try_at', case when m.delivered_at is null and m.undeliverable_at is null then m.next_try_at end,
                          'last_error', m.last_error, 'severity', m.body ->> 'severity', 'title', m.body ->> 'title', 'fingerprint', m.body ->> 'fingerprint')::text
  from backstay.message m
 where $1::bigint is null or m.id < $1
 order by m.id desc limit $2::int
