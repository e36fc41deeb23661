-- No job of a queue is claimed between its pause and its resume, or the end that the pause was given.
-- sort: defect                         role: viewer
-- note: a pause is written down when it has the lock that every claim shares, so a claim with a later time is a new one.
--       A claim that begins just before a resume may see it: the last second of a pause proves nothing. The audit goes by
--       the real clock, claims by one that the testing kit moves. Claims of the last hour are looked at.
with turn as (
  select substr(a.target, 7) as queue, a.verb, a.at, a.until, lead(a.at) over (partition by a.target order by a.id) as next_at
    from backstay.check_audit a
   where a.verb in ('pause', 'resume') and a.target like 'queue %'),
paused as materialized (
  select t.queue, t.at + o.ahead as since, least(t.until, t.next_at + o.ahead - interval '1 s') as till
    from turn t cross join (select backstay.clock() - statement_timestamp() as ahead) o where t.verb = 'pause')
select j.job_id::text as subject, format('of `%s` was claimed %s, while the queue was paused since %s', j.queue, j.claimed_at, p.since) as detail
  from backstay.check_job j
  join paused p on p.queue = j.queue and j.claimed_at > p.since and (p.till is null or j.claimed_at < p.till)
 limit 101
