-- Notes what was installed from a file.
-- $1 file text, $2 hash text
insert into backstay.body (file, hash) values ($1, $2)
on conflict (file) do update set hash = excluded.hash, at = clock_timestamp()
