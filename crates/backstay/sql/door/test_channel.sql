-- Has a test sent through an alert channel, by the worker that tells alerts and with its settings. It is tried once; what the channel
-- answers stands with the message. While one waits there is no second.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/record.sql inner/refuse.sql
create or replace function backstay.test_channel(name text, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
  place  text := (select i.environment from backstay.installation i);
  made   bigint;
begin
  if not exists (select from backstay.channel c where c.name = test_channel.name) then
    perform backstay.refuse('BS301', format('no worker has an alert channel `%s`', left(name, 100)), null,
      'channels are settings of the worker that tells alerts');
  end if;
  select m.id into made from backstay.message m
   where m.rule = 'test' and m.subject = test_channel.name and m.delivered_at is null and m.undeliverable_at is null
   order by m.made_at desc limit 1;
  if made is not null then
    return jsonb_build_object('id', made::text);
  end if;
  made := nextval('backstay.message_id_seq');
  insert into backstay.message (id, made_at, due_at, next_try_at, count, rule, subject, channel, dedupe_key, body)
  overriding system value
  values (made, statement_timestamp(), statement_timestamp(), statement_timestamp(), 1, 'test', name, name,
          coalesce(place, 'backstay') || '/test/' || name,
          jsonb_build_object('id', made::text, 'dedupe_key', coalesce(place, 'backstay') || '/test/' || name, 'rule', 'test', 'subject', name,
                             'severity', 'info', 'state', 'open', 'title', 'this is a test',
                             'text', 'Somebody tries out this channel. Nothing is wrong.', 'environment', place, 'count', 1,
                             'first_at', statement_timestamp(), 'last_at', statement_timestamp()));
  perform backstay.record('test', name, reason, 1);
  return jsonb_build_object('id', made::text);
end
$$;
revoke all on function backstay.test_channel(text, jsonb) from public;
