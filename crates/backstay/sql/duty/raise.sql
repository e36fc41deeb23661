-- Raises an alert of what a worker has noticed by itself, or, with `resolved` in its detail, the end of that.
-- moves: none                          role: worker
-- $1 rule text, $2 subject text, $3 kind text, $4 queue text, $5 detail text
-- locks: none
insert into backstay.alert (raised_at, rule, subject, kind, queue, detail)
values (statement_timestamp(), $1::text, $2::text, $3::text, $4::text, $5::text::jsonb)
