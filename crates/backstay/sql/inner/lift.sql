-- Takes a waiting job out of its place and answers what stood there. A running job is answered as it is and left alone,
-- an unknown one as null. If the job moves or changes meanwhile, it looks again, three times in all.
-- needs: inner/standing.sql
create or replace function backstay.lift(job bigint) returns backstay.standing
language plpgsql as $$
declare
  spot backstay.standing;
begin
  for turn in 1 .. 3 loop
    select * into spot from backstay.standing s where s.job_id = job;
    if not found or spot.place = 'running' then
      return spot;
    elsif spot.place = 'ready' then
      delete from backstay.ready r where r.queue = spot.queue and r.priority = spot.priority and r.seq = spot.seq;
    elsif spot.place = 'scheduled' then
      delete from backstay.scheduled s
       where s.job_id = job and s.run_at = spot.run_at and s.attempt = spot.attempt and s.priority = spot.priority;
    else
      delete from backstay.parked p where p.job_id = job and p.seq = spot.seq and p.priority = spot.priority;
    end if;
    if found then
      return spot;
    end if;
  end loop;
  raise exception using errcode = '40001', message = format('job %s moved three times while it was looked up', job), hint = 'try again';
end
$$;
revoke all on function backstay.lift(bigint) from public;
