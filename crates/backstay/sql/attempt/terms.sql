-- Gives the number of a set of limits, and writes the set down where it is new. Nothing comes back where another worker
-- is writing the same set this very moment; then the next look finds it.
-- moves: none                          role: worker
-- $1 limits text (a JSON object), $2 level text, $3 holders text (a JSON object)
with said as (select $1::text::jsonb as limits, $2::text as level, $3::text::jsonb as holders),
hashed as (select s.*, sha256(convert_to(jsonb_build_array(s.limits, s.level, s.holders)::text, 'UTF8')) as hash from said s),
known as materialized (select t.no from backstay.terms t join hashed h on t.hash = h.hash),
written as (
  insert into backstay.terms (hash, limits, level, holders)
  select h.hash, h.limits, h.level, h.holders from hashed h where not exists (select from known)
  on conflict (hash) do nothing
  returning no)
select no from known union all select no from written
