-- The body of all enqueues (one without a key goes straight to `put`): takes keys where there are any, writes the jobs of each shape and wakes a worker.
-- Answers the shapes: an element that was created has its id, one that gave way a holder instead.
-- needs: inner/contend.sql inner/put.sql inner/replace.sql inner/wake.sql
create or replace function backstay.accept(shapes backstay.shape[]) returns backstay.shape[]
language plpgsql as $$
declare
  s     backstay.shape;
  keyed boolean := false;
  wake  boolean := false;
begin
  foreach s in array shapes loop
    keyed := keyed or s.keyed;
  end loop;
  if keyed then
    shapes := backstay.contend(shapes);
  end if;
  foreach s in array shapes loop
    wake := backstay.put(s) = 'ready' and s.notify or wake;
  end loop;
  if keyed then
    foreach s in array shapes loop
      if s.on_conflict = 'replace' then
        perform backstay.replace(e.holder, e.args, s)
           from unnest(s.holders, s.args) with ordinality e(holder, args, i)
          where e.holder in (select i.id from unnest(shapes) p cross join lateral unnest(p.ids) i(id)) order by e.i;
      end if;
    end loop;
  end if;
  if wake then
    perform backstay.wake();
  end if;
  return shapes;
end
$$;
revoke all on function backstay.accept(backstay.shape[]) from public;
