-- Steps of alert routes: a message that waits whether somebody acknowledges its incident, or it is over by then.
-- phase: pre
alter table backstay.message add column after_ms bigint not null default 0;  -- so long after the first message of its incident; 0: it is that
create index message_step on backstay.message (subject) where after_ms > 0;
