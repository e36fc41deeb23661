-- Whether alerts arrive: not yet folded, on their way, given up.
-- role: viewer
select jsonb_build_object(
         'unfolded', (select count(*) from (select from backstay.alert a where a.message_id is null and a.raised_at < statement_timestamp() - interval '5 minutes' limit 1001) x),
         'waiting', (select count(*) from (select from backstay.message m where m.delivered_at is null and m.undeliverable_at is null
                                              and m.due_at < statement_timestamp() - interval '5 minutes' limit 1001) x),
         'undeliverable', (select count(*) from (select from backstay.message m where m.undeliverable_at > statement_timestamp() - interval '7 days' and m.rule <> 'test'
                                                    and m.made_at > statement_timestamp() - interval '14 days' limit 1001) x),
         'last_error', (select jsonb_build_object('channel', m.channel, 'error', m.last_error) from backstay.message m
                         where m.delivered_at is null and m.last_error is not null and m.rule <> 'test' order by m.id desc limit 1),
         'delivered_at', (select m.delivered_at from backstay.message m where m.delivered_at is not null order by m.id desc limit 1))::text
