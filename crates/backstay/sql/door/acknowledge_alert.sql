-- Takes the incident that a message tells of in hand: who would be told by a later step is not told at all, and what is raised
-- after that begins anew. Of a group of dead letters it is `acknowledge`. Whoever was told hears all the same that it is over.
-- role: operator
-- options: reason
-- needs: inner/read_reason.sql inner/mark_group.sql inner/record.sql inner/tally.sql inner/skip.sql inner/doer.sql inner/clock.sql
create or replace function backstay.acknowledge_alert(message_id bigint, options jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, backstay, pg_temp as $$
declare
  reason text := backstay.read_reason(options, '{}');
  told   backstay.message;
  last   backstay.message;
begin
  select * into told from backstay.message m where m.id = acknowledge_alert.message_id;
  if told.id is null then
    return backstay.tally(0, backstay.skip(acknowledge_alert.message_id::text, 'BS301'));
  end if;
  -- All that is told of one incident has one key; a test is none, and what is over needs nobody.
  select * into last from backstay.message m
   where m.subject = told.subject and m.dedupe_key = told.dedupe_key and m.after_ms = 0
     and m.rule = any (case when told.rule in ('first', 'again', 'burst') then array['first', 'again', 'burst'] else array[told.rule] end)
   order by m.made_at desc, m.id desc limit 1;
  if told.rule = 'test' or last.body ->> 'state' = 'resolved' then
    return backstay.tally(0, backstay.skip(told.id::text, 'BS302'));
  end if;
  if told.rule in ('first', 'again', 'burst') then
    perform backstay.mark_group(told.subject, 'acknowledged', reason, null);
  end if;
  delete from backstay.message m
   where m.subject = told.subject and m.dedupe_key = told.dedupe_key and m.after_ms > 0
     and m.tries = 0 and m.delivered_at is null and m.undeliverable_at is null;
  update backstay.message m set acknowledged_at = backstay.clock(), acknowledged_by = backstay.doer()
   where m.subject = told.subject and m.dedupe_key = told.dedupe_key and m.acknowledged_at is null
     and m.rule = any (case when told.rule in ('first', 'again', 'burst') then array['first', 'again', 'burst'] else array[told.rule] end)
     and m.made_at >= coalesce((select max(r.made_at) from backstay.message r
                                 where r.rule = told.rule and r.subject = told.subject and r.body ->> 'state' = 'resolved'), '-infinity');
  perform backstay.record('acknowledge', format('alert %s %s', told.rule, told.subject), reason, 1);
  return backstay.tally(1);
end
$$;
revoke all on function backstay.acknowledge_alert(bigint, jsonb) from public;
