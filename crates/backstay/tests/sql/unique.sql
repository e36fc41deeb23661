-- One job for a key: what each rule answers while the holder waits, runs, backs off and has ended.
do $$
declare
  a bigint;
  b bigint;
  replace constant jsonb := '{"unique": {"key": "k", "on_conflict": "replace"}, "priority": 2}';
begin
  select id into a from backstay.enqueue('u', '{"v": 1}', '{"unique": "k"}');
  perform pg_temp.same((select row(id, created)::text from backstay.enqueue('u', '{}', '{"unique": "k"}')), format('(%s,f)', a), 'keep, waiting');
  perform pg_temp.same((select created from backstay.enqueue('other', '{}', '{"unique": "k"}')), true, 'a key counts for its kind');
  perform pg_temp.refused($q$select * from backstay.enqueue('u', '{}', '{"unique": {"key": "k", "on_conflict": "reject"}}')$q$, 'BS110', a::text);
  perform pg_temp.claim(a);
  perform pg_temp.same((select row(id, created)::text from backstay.enqueue('u', '{"v": 2}', replace)), format('(%s,f)', a), 'replace, running');
  perform pg_temp.same((select args from backstay.job where id = a), '{"v": 1}'::jsonb, 'a running job keeps its args');
  perform pg_temp.fail(a);
  perform pg_temp.same((select row(id, created)::text from backstay.enqueue('u', '{"v": 3}', replace)), format('(%s,f)', a), 'replace, backing off');
  perform pg_temp.same(pg_temp.place(a), 'ready 1 0 2', 'the same id, due now, with its retries back');
  perform pg_temp.same((select args from backstay.job where id = a), '{"v": 3}'::jsonb, 'the new args');
  perform pg_temp.same(backstay.find('u', 'k'), a, 'found by its key');
  perform pg_temp.claim(a);
  perform backstay.complete(a, 2, pg_temp.worker());
  perform pg_temp.same(backstay.find('u', 'k'), null, 'given up at the end');
  select id into b from backstay.enqueue('u', '{}', '{"unique": "k"}');
  perform pg_temp.same(b > a, true, 'free again');

  select id into a from backstay.enqueue('line', '{}', '{"unique": "k"}');
  perform from backstay.enqueue('line', '{"v": 2}', '{"unique": {"key": "k", "on_conflict": "replace"}}');
  perform pg_temp.same((select seq from backstay.ready where job_id = a), a, 'replace keeps the turn in line');
end
$$;

-- `started` is given up by the first claim, and no retry takes it again.
do $$
declare
  started constant jsonb := '{"unique": {"key": "k", "until": "started"}}';
  a bigint;
  b bigint;
begin
  select id into a from backstay.enqueue('s', '{}', started);
  perform pg_temp.same((select id from backstay.enqueue('s', '{}', started)), a, 'kept while it waits');
  perform pg_temp.claim(a);
  perform pg_temp.same(backstay.find('s', 'k'), null, 'nobody holds it');
  select id into b from backstay.enqueue('s', '{}', started);
  perform pg_temp.same(b > a, true, 'taken over');
  perform pg_temp.fail(a);
  perform pg_temp.same((select id from backstay.enqueue('s', '{}', started)), b, 'held by the second');
  perform pg_temp.claim(a);
  perform backstay.complete(a, 2, pg_temp.worker());
  perform pg_temp.same(backstay.find('s', 'k'), b, 'the end of the first takes nothing from the second');
end
$$;

-- A period is held although the job has ended; an idempotency key for a day, for one kind and one set of args.
do $$
declare
  period constant jsonb := '{"unique": {"key": "k", "period_in": "1h"}}';
  a bigint;
begin
  select id into a from backstay.enqueue('p', '{}', period);
  perform pg_temp.claim(a);
  perform backstay.complete(a, 1, pg_temp.worker());
  perform pg_temp.same((select id from backstay.enqueue('p', '{}', period)), a, 'held after the end');
  perform pg_temp.same((select id from backstay.enqueue('p', '{}', '{"unique": {"key": "k", "period_in": "1h", "on_conflict": "replace"}}')), a,
    'nothing is left to replace');
  update backstay.unique_key set expires_at = now() - interval '1 s' where job_id = a;
  perform pg_temp.same((select created from backstay.enqueue('p', '{}', period)), true, 'over');

  select id into a from backstay.enqueue('i', '{"a": 1}', '{"idempotency_key": "x"}');
  perform pg_temp.claim(a);
  perform backstay.complete(a, 1, pg_temp.worker());
  perform pg_temp.same((select id from backstay.enqueue('i', '{"a": 1}', '{"idempotency_key": "x"}')), a, 'harmless after the end');
  perform pg_temp.refused($q$select * from backstay.enqueue('i', '{"a": 2}', '{"idempotency_key": "x"}')$q$, 'BS111');
  perform pg_temp.refused($q$select * from backstay.enqueue('j', '{"a": 1}', '{"idempotency_key": "x"}')$q$, 'BS111');

  select id into a from backstay.enqueue('iu', '{}', '{"unique": "k"}');
  perform pg_temp.same((select id from backstay.enqueue('iu', '{}', '{"unique": "k", "idempotency_key": "y"}')), a, 'gave way by its unique key');
  perform pg_temp.claim(a);
  perform backstay.complete(a, 1, pg_temp.worker());
  perform pg_temp.same((select id from backstay.enqueue('iu', '{}', '{"unique": "k", "idempotency_key": "y"}')), a, 'a repeat is answered as before');
end
$$;

-- Many at once: the first of a call wins, every row is answered, no conflict harms another row.
do $$
begin
  perform pg_temp.same((select string_agg(created::text, ' ' order by n) from backstay.enqueue_many('[{"kind": "b", "args": {"v": 1}, "options": {"unique": "m"}},
    {"kind": "b", "args": {"v": 2}, "options": {"unique": "m"}}, {"kind": "b", "args": {"v": 3}, "options": {"unique": {"key": "m", "on_conflict": "replace"}}},
    {"kind": "b", "args": {"v": 4}}]')), 'true false false true', 'the first wins');
  perform pg_temp.same((select string_agg(args ->> 'v', ' ' order by id) from backstay.job where kind = 'b'), '3 4', 'the last replacement counts');
  perform pg_temp.refused($q$select * from backstay.enqueue_many('[{"kind": "c", "options": {"unique": "m"}}, {"kind": "c", "options": {"unique": {"key": "m", "on_conflict": "reject"}}}]')$q$, 'BS110', 'job 2');
  for turn in 1 .. 2 loop
    perform pg_temp.same((select count(*) filter (where created) from backstay.enqueue_many('[{"kind": "d"}, {"kind": "e"}]', '{"idempotency_key": "call"}')),
      case turn when 1 then 2 else 0 end::bigint, 'one key for a whole call');
    perform pg_temp.same((select count(*) filter (where created) from backstay.enqueue_rows('f', array['{}', '{}']::jsonb[], '{"idempotency_key": "call 2"}')),
      case turn when 1 then 2 else 0 end::bigint, 'one key for a whole call of rows');
  end loop;
  perform pg_temp.same((select count(*) from backstay.unique_key k where k.until = 'finished'
     and not exists (select from backstay.job j where j.id = k.job_id and j.unique_hash = k.hash)), 0::bigint, 'no key is left behind');
end
$$;
