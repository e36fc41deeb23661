-- Tokens of the HTTP API. Only a hash is kept, so that what stands here opens nothing.
-- phase: pre
create table backstay.token (
  id         text collate "C" primary key,         -- the eight characters after bst_, which may be shown
  hash       text collate "C" not null,            -- SHA-256 of the whole token, in hexadecimal
  name       text collate "C" not null,            -- who or what uses it
  scopes     text[] not null,                      -- read operate admin audit enqueue enqueue:QUEUE
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text,
  used_on    date                                  -- the day of its last use
);
