-- Every alert is told, or tried again, within five minutes of its time.
-- sort: alarm (no worker runs that folds alerts and knows the channel)     role: viewer
select coalesce('alert ' || a.alert_id, 'message ' || a.message_id) as subject, format('of the rule `%s`, was due %s', a.rule, a.next_try_at) as detail
  from backstay.check_alert a
 where a.delivered_at is null and a.next_try_at < now() - interval '5 min'
 limit 101
