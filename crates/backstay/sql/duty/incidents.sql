-- Shows what is known of the incidents that new alerts belong to, in the order asked: the dead group, and the last message.
-- moves: none                          role: worker
-- $1 rules text[], $2 subjects text[], $3 kinds text[]
-- locks: none
-- note: the five minutes and the rules' words are those of `model/alert/fold.rs`; messages that were made together are told
--       as one, so the first that is tried closes them all.
--       One that waits for its step, or for the end of quiet hours, is late for its channel alone
with recent as materialized (
  select a.kind, count(*) as deaths, count(distinct a.fingerprint) as fingerprints
    from backstay.alert a
   where a.rule = 'death' and a.kind = any($3::text[]) and a.raised_at > statement_timestamp() - interval '5 min'
   group by a.kind),
asked as materialized (
  select i.*, case when i.rule = 'death' then array['first', 'again', 'burst'] else array[i.rule] end as words
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality i(rule, subject, kind, n))
select g.state, g.owner, (extract(epoch from g.last_at) * 1000)::bigint as last_at_ms,
       (extract(epoch from g.until) * 1000)::bigint as muted_until_ms,
       m.rule as told_rule, (extract(epoch from x.due_at) * 1000)::bigint as told_due_at_ms, x.closed as told_closed,
       m.body ->> 'state' = 'resolved' as told_resolved, m.acknowledged_at is not null as told_acknowledged,
       coalesce(r.deaths, 0) as kind_deaths, coalesce(r.fingerprints, 0) as kind_fingerprints,
       (extract(epoch from statement_timestamp()) * 1000)::bigint as now_ms
  from asked i
  left join backstay.dead_group g on g.fingerprint = i.subject and i.rule = 'death'
  left join recent r on r.kind = i.kind
  left join lateral (
    select * from backstay.message m
     where m.rule = any(i.words) and m.subject = i.subject and m.after_ms = 0
     order by m.made_at desc, m.id desc limit 1) m on true
  left join lateral (
    select bool_or(x.tries > 0 or x.delivered_at is not null or x.undeliverable_at is not null) as closed, min(x.due_at) as due_at
      from backstay.message x
     where x.rule = m.rule and x.subject = m.subject and x.made_at = m.made_at and x.after_ms = 0) x on true
 order by i.n
