-- Shows what is known of the incidents that new alerts belong to: the dead group, and the last message of each.
-- moves: none                          role: worker
-- $1 rules text[], $2 subjects text[], $3 kinds text[]
-- locks: none
-- note: the times of five minutes and of the rules' words are those of `model/alert/fold.rs`
with recent as materialized (
  select a.kind, count(*) as deaths, count(distinct a.fingerprint) as fingerprints
    from backstay.alert a
   where a.rule = 'death' and a.kind = any($3::text[]) and a.raised_at > statement_timestamp() - interval '5 min'
   group by a.kind)
select i.rule, i.subject, i.kind, g.state, g.count, (extract(epoch from g.last_at) * 1000)::bigint as last_at_ms,
       (extract(epoch from g.until) * 1000)::bigint as muted_until_ms,
       m.rule as told_rule, (extract(epoch from m.made_at) * 1000)::bigint as told_at_ms,
       (extract(epoch from m.due_at) * 1000)::bigint as due_at_ms, m.count as told_count,
       m.tries > 0 or m.delivered_at is not null or m.undeliverable_at is not null as told_closed,
       coalesce(m.body ->> 'state' = 'resolved', false) as told_resolved,
       coalesce(r.deaths, 0) as kind_deaths, coalesce(r.fingerprints, 0) as kind_fingerprints,
       (extract(epoch from statement_timestamp()) * 1000)::bigint as now_ms
  from unnest($1::text[], $2::text[], $3::text[]) i(rule, subject, kind)
  left join backstay.dead_group g on g.fingerprint = i.subject and i.rule = 'death'
  left join recent r on r.kind = i.kind
  left join lateral (
    select * from backstay.message m
     where m.subject = i.subject and (m.rule = i.rule or i.rule = 'death' and m.rule in ('first', 'again', 'burst'))
     order by m.made_at desc, m.id desc limit 1) m on true
