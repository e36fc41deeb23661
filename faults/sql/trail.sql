-- Watches from outside how jobs move: a trigger on every place of the product writes each row that comes or goes. It belongs to
-- the harness, so that a product that is broken cannot forge it. For one job `seq` is the order in which things happened, since
-- the lock on its row puts them into one; across jobs only commits have an order.
-- note: run once, after the migration, by a login that may put triggers on the product's tables
create schema faults;
create table faults.trail (
  seq       bigint generated always as identity primary key,
  at        timestamptz not null default clock_timestamp(),
  xid       bigint not null default txid_current(),
  writer    text not null default current_setting('application_name'),
  job_id    bigint not null,
  place     text not null,
  move      text not null check (move in ('enter', 'leave')),
  queue     text,
  attempt   int,
  worker_id uuid
);
create index trail_job on faults.trail (job_id, seq);
create index trail_xid on faults.trail (xid);

-- Arguments of the trigger: the place, and the column with the job's id. A row whose fence changes where it stands has left and
-- come again.
create function faults.note() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  here jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
  if tg_op = 'UPDATE' and row(gone -> tg_argv[1], gone -> 'attempt', gone -> 'worker')
                          is not distinct from row(here -> tg_argv[1], here -> 'attempt', here -> 'worker') then
    return null;
  end if;
  insert into faults.trail (job_id, place, move, queue, attempt, worker_id)
  select (r.body ->> tg_argv[1])::bigint, tg_argv[0], r.move, r.body ->> 'queue', (r.body ->> 'attempt')::int, (r.body ->> 'worker')::uuid
    from (values (gone, 'leave'), (here, 'enter')) r(body, move)
   where r.body ->> tg_argv[1] is not null;
  return null;
end
$$;

do $$
declare
  p record;
begin
  for p in select * from backstay.check_place loop
    execute format('create trigger faults_trail after insert or update or delete on %s for each row execute function faults.note(%L, %L)',
                   p.relation, p.place, p.job_column);
  end loop;
end
$$;
