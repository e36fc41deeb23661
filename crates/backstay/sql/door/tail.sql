-- Says that somebody looks at what a job prints: for the next 30 seconds its worker stores that once a second in
-- `output_log`. Answers until when; null for a job that has ended or that there never was.
-- role: viewer, operator
-- note: real time, as for all that machines tell each other; the NOTIFY is not throttled, for it is a person who waits
create or replace function backstay.tail(job_id bigint) returns timestamptz
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
#variable_conflict use_column
declare
  ends timestamptz := statement_timestamp() + interval '30 s';
begin
  delete from backstay.wish w
   where w.ctid = any (array(select ctid from backstay.wish where until < statement_timestamp() limit 100 for update skip locked));
  if not exists (select from backstay.job j where j.id = tail.job_id) then
    return null;
  end if;
  insert into backstay.wish as w (job_id, until) values (tail.job_id, ends)
  on conflict (job_id) do update set until = greatest(w.until, excluded.until);
  perform pg_notify('backstay', '');
  return ends;
end
$$;
revoke all on function backstay.tail(bigint) from public;
