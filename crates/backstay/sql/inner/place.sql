-- Which waiting place a job enters: scheduled (not due), parked (its kind is paused), or ready. A paused queue is
-- not claimed from, so its jobs stay in line. A parked job has reason `paused` and its kind as subject.
-- needs: inner/clock.sql
create or replace function backstay.place(kind text, run_at timestamptz) returns text
language plpgsql stable as $$
begin
  if place.run_at > backstay.clock() then
    return 'scheduled';
  end if;
  perform from backstay.pause p where p.scope = 'kind' and p.name = place.kind and (p.until is null or p.until > backstay.clock());
  return case when found then 'parked' else 'ready' end;
end
$$;
revoke all on function backstay.place(text, timestamptz) from public;
