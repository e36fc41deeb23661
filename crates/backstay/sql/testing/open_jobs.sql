-- Lists the jobs of a kind that wait or run, as the caller's transaction sees them.
-- $1 kind text
select coalesce(jsonb_agg(jsonb_build_object('id', j.id::text, 'args', j.args) order by j.id), '[]')::text
  from backstay.job j where j.kind = $1::text
