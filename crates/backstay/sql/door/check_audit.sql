-- What operators did and in which transaction, without who and why. `job_id` is null where a verb was for many or for no
-- job; `until` is the end that a pause was given. Columns are only ever added, at the end.
-- role: viewer, operator, worker, auditor
create or replace view backstay.check_audit as
select a.at, a.xid, a.verb,
       case when a.verb in ('cancel', 'promote', 'edit', 'bury', 'revive', 'discard', 'restore', 'reveal', 'prune') and a.target ~ '^\d{1,18}$'
            then a.target::bigint end as job_id,
       a.affected, a.target, case when a.verb = 'pause' then (a.after ->> 'until')::timestamptz end as until, a.id
  from backstay.audit a;
