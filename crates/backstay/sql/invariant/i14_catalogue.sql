-- No index is invalid, no sequence is half used up, and no number of a row has fewer than eight bytes.
-- sort: defect                         role: viewer
select c.relname::text as subject, 'is an invalid index' as detail
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where not i.indisvalid and c.relnamespace = 'backstay'::regnamespace
   and not exists (select from pg_stat_progress_create_index p where p.index_relid = c.oid)
union all
select s.sequencename::text, 'is a sequence more than half used up'
  from pg_sequences s where s.schemaname = 'backstay' and not s.cycle and s.last_value > s.max_value / 2
union all
select format('%s.%s', c.relname, a.attname), 'is an id of fewer than eight bytes'
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'backstay'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
   and a.atttypid in ('int2'::regtype, 'int4'::regtype) and (a.attname = 'id' or a.attname like '%\_id')
 limit 101
