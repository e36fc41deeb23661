-- Lists the channels that heard of an incident by a later step; they hear how it goes on.
-- moves: none                          role: worker
-- $1 subject text, $2 dedupe_key text
-- locks: none
-- note: all steps of an incident are written at the same time, that of its first message
select distinct m.channel
  from backstay.message m
 where m.subject = $1::text and m.dedupe_key = $2::text and m.after_ms > 0
   and (m.tries > 0 or m.delivered_at is not null or m.undeliverable_at is not null)
   and m.made_at = (select max(n.made_at) from backstay.message n
                     where n.subject = m.subject and n.dedupe_key = m.dedupe_key and n.after_ms > 0)
   and not exists (select from backstay.message r
                    where r.rule = m.rule and r.subject = m.subject and r.made_at >= m.made_at and r.body ->> 'state' = 'resolved')
 order by m.channel
