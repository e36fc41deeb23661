-- Sessions of people in a browser. Only a hash is kept, as of tokens. Each belongs to a token and is worth no more than it.
-- phase: pre
create table backstay.session (
  hash       text collate "C" primary key,         -- SHA-256 of what the cookie holds, in hexadecimal
  token_id   text collate "C" not null references backstay.token (id) on delete cascade,
  made_at    timestamptz not null,
  expires_at timestamptz not null
);
create index session_token on backstay.session (token_id, made_at);
create index session_expires on backstay.session (expires_at);
