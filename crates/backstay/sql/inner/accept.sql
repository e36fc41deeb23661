-- The one body of all enqueues: takes keys where there are any, writes the jobs of each shape and wakes a worker.
-- Answers one row an element: its number, the job's id, and whether that job was created by this call.
-- needs: inner/contend.sql inner/put.sql inner/replace.sql inner/wake.sql
create or replace function backstay.accept(shapes backstay.shape[]) returns table (n int, id bigint, created boolean)
language plpgsql as $$
#variable_conflict use_column
declare
  s     backstay.shape;
  keyed boolean := false;
  wake  boolean := false;
begin
  foreach s in array shapes loop
    keyed := keyed or s.hashes is not null or s.once is not null;
  end loop;
  if keyed then
    shapes := backstay.contend(shapes);
  end if;
  foreach s in array shapes loop
    wake := backstay.put(s) = 'ready' and s.notify or wake;
  end loop;
  if keyed then
    foreach s in array shapes loop
      for i in 1 .. cardinality(s.ids) loop
        if s.on_conflict = 'replace' and s.holders[i] in (select unnest(p.ids) from unnest(shapes) p) then
          perform backstay.replace(s.holders[i], s.args[i], s);
        end if;
      end loop;
    end loop;
  end if;
  if wake then
    perform backstay.wake();
  end if;
  return query
    select coalesce(e.number, 1), coalesce(e.id, e.holder), e.id is not null
      from unnest(shapes) p cross join lateral unnest(p.numbers, p.ids, p.holders) e(number, id, holder);
end
$$;
revoke all on function backstay.accept(backstay.shape[]) from public;
