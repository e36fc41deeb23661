-- Holds the claim of an attempt until the caller's transaction ends, or refuses with BS201.
-- role: whoever holds the fence
-- $1 job id, $2 attempt, $3 worker; all text
-- answers null
select 'null'::text from backstay.assert_lease($1::text::bigint, $2::text::int, $3::text::uuid)
