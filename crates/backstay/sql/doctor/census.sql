-- What a look at the invariants must know first: whether there are more unfinished jobs than $1, which part of them is due
-- (the minute of the clock, so that repeated looks come to all), and whether this login sees the sessions of others.
-- role: viewer
-- $1 most bigint
select (select count(*) from (select from backstay.check_job j where j.place in ('ready', 'scheduled', 'parked', 'running') limit $1::bigint + 1) x) > $1::bigint as many,
       (extract(epoch from statement_timestamp()) / 60)::bigint as minute,
       pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all
