-- Stops schedules of files that no live worker has declared for five minutes; their rows and ticks stay.
-- moves: none                          role: worker
with seen as materialized (
  select s.name, s.unseen_since, exists (
           select from backstay.declared d left join backstay.worker w on w.id = d.worker
            where d.schedule = s.name
              and (w.lease_until > statement_timestamp() and w.goodbye_at is null or w.id is null and d.at > statement_timestamp() - interval '1 min')) as alive
    from backstay.schedule s where s.origin = 'file' and s.retired_at is null),
back as (
  update backstay.schedule s set unseen_since = null from seen n where n.name = s.name and n.alive and n.unseen_since is not null returning 1),
gone as (
  update backstay.schedule s set unseen_since = statement_timestamp() from seen n where n.name = s.name and not n.alive and n.unseen_since is null returning 1),
retired as (
  update backstay.schedule s set retired_at = backstay.clock()
    from seen n where n.name = s.name and not n.alive and n.unseen_since < statement_timestamp() - interval '5 min' returning s.name),
noted as (
  insert into backstay.audit (verb, target, reason, affected)
  select 'retire', 'schedule ' || r.name, 'no live worker declares it', 1 from retired r returning 1)
select r.name from retired r order by r.name
