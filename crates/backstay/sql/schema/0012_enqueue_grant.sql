-- Which kinds and queues a login may enqueue: its rows are all it may, and a login without a row may everything.
-- phase: pre
create table backstay.enqueue_grant (
  role  text collate "C" not null,                 -- the login, as `session_user` says it
  queue text collate "C",                          -- null: every queue
  kind  text collate "C"                           -- null: every kind
);
create unique index enqueue_grant_once on backstay.enqueue_grant (role, coalesce(queue, ''), coalesce(kind, ''));
