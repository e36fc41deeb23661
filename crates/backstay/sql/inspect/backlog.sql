-- Counts what is not done in some queues and could be done now, and all dead letters.
-- role: worker
-- $1 queues text[]
select (select count(*) from backstay.ready r where r.queue = any($1::text[]))
     + (select count(*) from backstay.running r where r.queue = any($1::text[]))
     + (select count(*) from backstay.scheduled s where s.queue = any($1::text[]) and s.run_at <= backstay.clock()) as open,
       (select count(*) from backstay.dead_letter d where d.queue = any($1::text[]) and d.discarded_at is null) as dead
