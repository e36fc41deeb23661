-- The highest id of a job below another one: a list that goes down by spans of ids skips those that nobody has.
-- role: viewer
-- $1 before bigint
-- plan: one look into job_pkey, the key of dead letters, and history_job of each day
select greatest((select j.id from backstay.job j where j.id < $1::bigint order by j.id desc limit 1),
                (select d.id from backstay.dead_letters d where d.id < $1 order by d.id desc limit 1),
                (select e.id from backstay.ended e where e.id < $1 order by e.id desc limit 1)) as id
