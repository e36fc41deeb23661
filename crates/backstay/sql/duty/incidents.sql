-- Shows what is known of the incidents that new alerts belong to: the dead group, and the last message of each.
-- moves: none                          role: worker
-- $1 rules text[], $2 subjects text[], $3 kinds text[]
-- locks: dead groups, in fingerprint order
select i.rule, i.subject, g.state, g.count, (extract(epoch from g.last_at) * 1000)::bigint as last_at_ms,
       (extract(epoch from g.until) * 1000)::bigint as muted_until_ms,
       (extract(epoch from m.made_at) * 1000)::bigint as told_at_ms, (extract(epoch from m.due_at) * 1000)::bigint as due_at_ms,
       m.count as told_count, m.tries > 0 or m.delivered_at is not null or m.undeliverable_at is not null as told_closed,
       (select count(*) from backstay.alert a where a.rule = 'death' and a.kind = i.kind
           and a.raised_at > statement_timestamp() - interval '5 min') as kind_deaths,
       (extract(epoch from statement_timestamp()) * 1000)::bigint as now_ms
  from unnest($1::text[], $2::text[], $3::text[]) i(rule, subject, kind)
  left join backstay.dead_group g on g.fingerprint = i.subject and i.rule = 'death'
  left join lateral (
    select * from backstay.message m where m.subject = i.subject and (m.rule = i.rule or i.rule = 'death' and m.rule in ('first', 'again', 'burst'))
     order by m.made_at desc limit 1) m on true
