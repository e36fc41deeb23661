-- A W3C traceparent, with its tracestate behind a blank if there is one. A malformed one is dropped: tracing never fails a job.
create or replace function backstay.read_trace(value jsonb) returns text
language sql immutable as $$
  select case when parent ~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' then
                parent || case when length(state) <= 512 and state ~ '^[\x20-\x7e]+$' then ' ' || state else '' end end
    from (select case jsonb_typeof(value) when 'string' then value #>> '{}' when 'object' then value ->> 'traceparent' end,
                 case jsonb_typeof(value) when 'object' then value ->> 'tracestate' end) t(parent, state)
$$;
revoke all on function backstay.read_trace(jsonb) from public;
