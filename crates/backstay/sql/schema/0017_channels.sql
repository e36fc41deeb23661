-- The alert channels of the worker that tells alerts, so that somebody else may look at them and try them out.
-- phase: pre
create table backstay.channel (
  name    text collate "C" primary key,
  seen_at timestamptz not null
);
create index message_channel on backstay.message (channel, id desc);
