-- What a handler may do while its attempt holds the job, and nothing afterwards.
do $$
declare
  a bigint;
  b bigint;
begin
  select id into a from backstay.enqueue('f');
  perform pg_temp.claim(a);
  perform backstay.assert_lease(a, 1, pg_temp.worker());
  perform pg_temp.refused(format('select backstay.assert_lease(%s, 2, pg_temp.worker())', a), 'BS201', 'roll back');
  perform pg_temp.refused(format('select backstay.assert_lease(%s, 1, gen_random_uuid())', a), 'BS201');
  perform pg_temp.refused('select backstay.assert_lease(null, null, null)', 'BS201');
  perform backstay.progress(a, 1, pg_temp.worker(), 40, '{"note": "page 12"}');
  perform backstay.progress(a, 1, pg_temp.worker(), 140);
  perform pg_temp.same(backstay.show(a) -> 'progress', '{"note": "page 12", "percent": 100}'::jsonb, 'the last word, within its bounds');
  perform pg_temp.refused(format('select backstay.progress(%s, 2, pg_temp.worker(), 1)', a), 'BS201');
  perform backstay.checkpoint(a, 1, pg_temp.worker(), '{"page": 3}');
  perform pg_temp.refused(format('select backstay.checkpoint(%s, 1, pg_temp.worker(), to_jsonb(repeat(''x'', 65535)))', a), 'BS202');
  perform pg_temp.refused(format('select backstay.checkpoint(%s, 2, pg_temp.worker(), ''1'')', a), 'BS201');
  perform pg_temp.refused(format('select backstay.complete(%s, 2, pg_temp.worker())', a), 'BS201');
  perform backstay.complete(a, 1, pg_temp.worker(), '{"output": {"rows": 7}}');
  perform pg_temp.refused(format('select backstay.complete(%s, 1, pg_temp.worker())', a), 'BS201');
  perform pg_temp.same(row(backstay.show(a) ->> 'state', backstay.show(a) -> 'output', pg_temp.place(a))::text, '(completed,"{""rows"": 7}",nobody)', 'completed');

  select id into b from backstay.enqueue('f');
  perform pg_temp.claim(b);
  perform backstay.complete(b, 1, pg_temp.worker(), jsonb_build_object('output', repeat('x', 262144)));
  perform pg_temp.same(backstay.show(b) -> 'output' ? 'backstay_note', true, 'too much output is replaced by a note, and the job completes');
  perform pg_temp.same(backstay.show(-1), null, 'nobody');
end
$$;

-- Redaction: keys that sound like secrets, pointers with * for one level, and a pointer that keeps a value visible.
select pg_temp.same(backstay.redact('{"a": {"email": "x", "n": 1}, "users": [{"email": "e", "token": "t"}], "card": "4", "note": {"x": 1}, "a/b": 1, "API_Key": 3, "visible_token": 5}',
    array['/users/*/email', '/note', '/a~1b', '!/visible_token', '/a/n']),
  '{"a": {"email": "x", "n": "***"}, "users": [{"email": "***", "token": "***"}], "card": "***", "note": "***", "a/b": "***", "API_Key": "***", "visible_token": 5}'::jsonb, 'redact');
select pg_temp.same(backstay.redact('[1, {"secret": 1}]', null), '[1, {"secret": "***"}]'::jsonb, 'redact without pointers');
