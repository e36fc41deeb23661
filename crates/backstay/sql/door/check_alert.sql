-- Every alert, with the first message that tells of it, and every other message without an alert. `next_try_at` is null when
-- nothing is to be done any more; an alert that nobody has folded yet is due at once. Columns are only ever added, at the end.
-- role: viewer, operator, worker, auditor
create or replace view backstay.check_alert as
select a.id as alert_id, a.job_id, a.attempt, case when a.message_id = 0 then a.raised_at else m.delivered_at end as delivered_at,
       case when a.message_id is null then a.raised_at when m.delivered_at is null and m.undeliverable_at is null then m.next_try_at end as next_try_at,
       m.id as message_id, a.rule
  from backstay.alert a left join backstay.message m on m.id = a.message_id
union all
select null, null, null, m.delivered_at, case when m.delivered_at is null and m.undeliverable_at is null then m.next_try_at end, m.id, m.rule
  from backstay.message m
 where not exists (select from backstay.alert a where a.message_id = m.id);
