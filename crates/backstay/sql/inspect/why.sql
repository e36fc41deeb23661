-- All that says why a job does not run, in one look at one moment; what follows from that is in `model/why.rs`.
-- role: viewer
-- $1 id bigint
select backstay.why_facts($1::bigint)::text
