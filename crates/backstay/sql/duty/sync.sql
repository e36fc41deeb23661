-- Writes what a worker's settings say about queues, kinds and the installation, where it differs; the newest start wins.
-- moves: none                          role: worker
-- $1 queues text (a JSON object: name -> settings), $2 kinds text (name -> {contract, sensitive, keep_ms}), $3 args_bytes_max int,
-- $4 strict_kinds boolean, $5 environment text
with queues as (
  insert into backstay.queue as q (name, settings, hash, set_at)
  select key, value, md5(value::text), statement_timestamp() from jsonb_each($1::text::jsonb) order by key
  on conflict (name) do update set settings = excluded.settings, hash = excluded.hash, set_at = excluded.set_at
   where q.hash <> excluded.hash
  returning name),
kinds as (
  insert into backstay.kind as k (name, contract, sensitive, keep, hash, set_at)
  select key, value -> 'contract', array(select jsonb_array_elements_text(value -> 'sensitive')),
         (value ->> 'keep_ms')::bigint * interval '1 ms', md5(value::text), statement_timestamp() from jsonb_each($2::text::jsonb) order by key
  on conflict (name) do update set contract = excluded.contract, sensitive = excluded.sensitive, keep = excluded.keep,
         hash = excluded.hash, set_at = excluded.set_at
   where k.hash <> excluded.hash
  returning name),
whole as (
  update backstay.installation
     set args_bytes_max = $3::int, strict_kinds = $4::boolean, environment = coalesce($5::text, environment)
   where (args_bytes_max, strict_kinds, environment) is distinct from ($3::int, $4::boolean, coalesce($5::text, environment))
  returning one)
select (select count(*) from queues) + (select count(*) from kinds) + (select count(*) from whole) as changed
