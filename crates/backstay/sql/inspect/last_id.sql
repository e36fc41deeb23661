-- The highest id that a job may have: where a list begins that goes down by spans of ids.
-- role: viewer
select s.last_value from backstay.entry_seq s
