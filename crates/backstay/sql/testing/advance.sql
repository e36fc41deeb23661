-- Moves the clock of a test database forward.
-- $1 by_ms bigint
select backstay.test_advance($1::bigint * interval '1 ms')
