-- The server's clock, in milliseconds.
-- role: any login
select (extract(epoch from clock_timestamp()) * 1000)::bigint
