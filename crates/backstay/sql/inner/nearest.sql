-- The candidate that a mistyped word was probably meant to be, or null: two letters may differ, in a long word a third.
create or replace function backstay.nearest(word text, candidates text[]) returns text
language plpgsql immutable as $$
declare
  typed     text := left(lower(word), 64);
  candidate text;
  row_above int[];
  row_here  int[];
  best      text;
  least     int := least(greatest(2, length(typed) / 3), length(typed) - 1) + 1;
begin
  foreach candidate in array candidates loop
    continue when abs(length(candidate) - length(typed)) >= least;
    row_above := array(select generate_series(0, length(candidate)));
    for i in 1 .. length(typed) loop
      row_here := array[i];
      for k in 1 .. length(candidate) loop
        row_here[k + 1] := least(row_above[k + 1] + 1, row_here[k] + 1,
                                 row_above[k] + (substr(typed, i, 1) <> substr(lower(candidate), k, 1))::int);
      end loop;
      row_above := row_here;
    end loop;
    if row_above[length(candidate) + 1] < least then
      least := row_above[length(candidate) + 1];
      best := candidate;
    end if;
  end loop;
  return best;
end
$$;
revoke all on function backstay.nearest(text, text[]) from public;
