-- How our tables and indexes are kept: dead rows, autovacuum switched off, indexes that are invalid or mostly empty, sequences that run out.
-- role: viewer
select jsonb_build_object(
         'crowded', (select coalesce(jsonb_agg(jsonb_build_object('table', t.relname, 'dead', t.n_dead_tup, 'live', t.n_live_tup,
                            'vacuumed_at', greatest(t.last_autovacuum, t.last_vacuum)) order by t.n_dead_tup desc), '[]')
                       from pg_stat_user_tables t
                      where t.schemaname = 'backstay' and t.n_dead_tup > 50000 and t.n_dead_tup > t.n_live_tup),
         'unvacuumed', (select coalesce(jsonb_agg(c.relname order by c.relname), '[]') from pg_class c
                         where c.relnamespace = 'backstay'::regnamespace and c.relkind = 'r'
                           and exists (select from unnest(c.reloptions) o where o in ('autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0'))),
         'invalid', (select coalesce(jsonb_agg('backstay.' || x.relname order by x.relname), '[]')
                       from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
                      where c.relnamespace = 'backstay'::regnamespace and not i.indisvalid),
         -- What an index needs: for each row its key, a header and a pointer, at the usual fill of a B-tree; only where somebody
         -- has counted the rows since it grew.
         'swollen', (select coalesce(jsonb_agg(to_jsonb(b) order by b.bytes desc), '[]') from (
                       select 'backstay.' || x.relname as index, pg_relation_size(x.oid) as bytes, (x.reltuples * (20 + k.width) / 0.7)::bigint as needed
                         from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
                         join pg_am m on m.oid = x.relam and m.amname = 'btree'
                        cross join lateral (
                          select sum(case when t.attlen > 0 then t.attlen else coalesce((
                                       select s.avg_width from pg_stats s where s.schemaname = 'backstay' and s.tablename = c.relname and s.attname = t.attname), 32) end) as width
                            from pg_attribute t where t.attrelid = x.oid) k
                        where c.relnamespace = 'backstay'::regnamespace and x.relkind = 'i' and c.reltuples >= 0 and x.relpages * current_setting('block_size')::bigint > pg_relation_size(x.oid) / 2) b
                      where b.bytes > 4 * b.needed + 65536),
         'spent', (select coalesce(jsonb_agg(jsonb_build_object('sequence', s.sequencename, 'percent', round(s.last_value::numeric * 100 / s.max_value)) order by s.sequencename), '[]')
                     from pg_sequences s where s.schemaname = 'backstay' and not s.cycle and s.last_value > s.max_value / 2))::text
