-- The audit row of an operator's verb; it belongs to the verb's own transaction. Never holds args.
create or replace function backstay.record(verb text, target text, reason text, affected bigint, filter jsonb default null, before jsonb default null, after jsonb default null) returns void
language sql as $$
  insert into backstay.audit (verb, target, reason, affected, filter, before, after) values ($1, $2, $3, $4, $5, $6, $7)
$$;
revoke all on function backstay.record(text, text, text, bigint, jsonb, jsonb, jsonb) from public;
