-- How many deaths belong to an incident of which nobody has been told yet. Later deaths of an incident are told of when its
-- minute is over, which nobody has to wait for.
select count(*)
  from backstay.alert a
 where a.rule = 'death'
   and (a.message_id is null
        or not exists (select from backstay.message m
                        where m.delivered_at is not null and (m.id = a.message_id or m.subject = a.fingerprint)))
