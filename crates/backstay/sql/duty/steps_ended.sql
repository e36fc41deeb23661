-- Ends the steps of incidents that somebody has acknowledged, or that are over: who would be told later is not told at all.
-- moves: none                          role: worker
-- note: before new deaths are counted, since these open their group again
-- locks: message rows that wait for their step
delete from backstay.message m
 where m.after_ms > 0 and m.tries = 0 and m.delivered_at is null and m.undeliverable_at is null
   and (m.rule in ('first', 'again', 'burst')
           and exists (select from backstay.dead_group g where g.fingerprint = m.subject and g.state <> 'open')
        or exists (select from backstay.message r
                    where r.rule = m.rule and r.subject = m.subject and r.made_at >= m.made_at and r.body ->> 'state' = 'resolved'))
