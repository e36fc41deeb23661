-- Settles what is due of one schedule; a row for each tick that was decided.
-- moves: -> scheduled, -> parked, -> ready     role: worker
-- $1 name text, $2 ticks timestamptz[], $3 counted_to timestamptz, $4 next_at timestamptz, $5 look_in_ms bigint, $6 dropped text (a JSON object), $7 error text
-- locks: the schedule's row, held already
select t.tick_at, t.outcome, t.job_id, t.note
  from backstay.tick($1::text, $2::timestamptz[], $3::timestamptz, $4::timestamptz,
         coalesce($4::timestamptz, backstay.clock() + $5::bigint * interval '1 ms'), $6::text::jsonb, $7::text) t
