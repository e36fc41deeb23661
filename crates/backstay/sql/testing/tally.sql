-- Counts all ends so far: of jobs, and of attempts after which their jobs went on.
select (select count(*) from backstay.history h where h.state = 'completed') as completed,
       (select count(*) from backstay.history h where h.state = 'cancelled') as cancelled,
       (select count(*) from backstay.alert a where a.rule = 'death') as dead,
       count(*) filter (where a.billed in ('retry', 'crash', 'lost')) as retried,
       count(*) filter (where a.billed = 'snooze') as snoozed,
       count(*) filter (where a.billed in ('interrupt', 'nothing') and a.outcome in ('interrupted', 'evicted', 'boot_failed')) as released
  from backstay.attempt a
 where not exists (select from backstay.alert d
                    where d.rule = 'death' and d.job_id = a.job_id and d.attempt = a.attempt)
