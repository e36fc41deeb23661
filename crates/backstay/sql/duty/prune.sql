-- Deletes what is past its keep and belongs to nobody any more; what has not ended is never touched.
-- moves: none                          role: worker
-- $1 n int
-- note: an alert is not pruned while its dead letter stands
with old_progress as (
  delete from backstay.progress p where p.job_id in (
    select p.job_id from backstay.progress p
     where not exists (select from backstay.job j where j.id = p.job_id)
       and not exists (select from backstay.dead_letter d where d.id = p.job_id) limit $1::int) returning 1),
old_checkpoint as (
  delete from backstay.checkpoint c where c.job_id in (
    select c.job_id from backstay.checkpoint c
     where not exists (select from backstay.job j where j.id = c.job_id)
       and not exists (select from backstay.dead_letter d where d.id = c.job_id) limit $1::int) returning 1),
old_alert as (
  delete from backstay.alert a where a.id in (
    select a.id from backstay.alert a
     where a.message_id is not null and a.raised_at < statement_timestamp() - interval '30 days'
       and not exists (select from backstay.dead_letter d where d.id = a.job_id) limit $1::int) returning 1),
old_message as (
  delete from backstay.message m where m.id in (
    select m.id from backstay.message m
     where m.delivered_at < statement_timestamp() - interval '30 days' limit $1::int) returning 1),
old_worker as (
  delete from backstay.worker w where w.id in (
    select w.id from backstay.worker w
     where w.lease_until < statement_timestamp() - interval '7 days'
       and not exists (select from backstay.running r where r.worker = w.id) limit $1::int) returning 1),
-- Kept for longer than a back-fill reaches, so that no tick comes twice.
old_tick as (
  delete from backstay.tick t where t.ctid = any(array(
    select t.ctid from backstay.tick t where t.decided_at < statement_timestamp() - interval '90 days' and t.tick_at < statement_timestamp() - interval '90 days'
       and t.outcome <> 'waiting' limit $1::int)) returning 1),
old_declared as (
  delete from backstay.declared d where d.ctid = any(array(
    select d.ctid from backstay.declared d
     where d.at < statement_timestamp() - interval '1 day' and not exists (select from backstay.worker w where w.id = d.worker) limit $1::int)) returning 1)
select ((select count(*) from old_progress) + (select count(*) from old_checkpoint) + (select count(*) from old_alert)
      + (select count(*) from old_message) + (select count(*) from old_worker) + (select count(*) from old_tick) + (select count(*) from old_declared))::bigint as gone
