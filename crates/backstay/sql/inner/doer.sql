-- Who does this, for people: the person or program for whom a server of ours acts and whom it names as its source, else the
-- login. A login can claim any source, so the audit keeps both.
create or replace function backstay.doer() returns text language sql stable as $$
  select coalesce(substring(current_setting('application_name') from '^(?:web|serve) [0-9a-z]{8} (.+)$'), session_user)
$$;
revoke all on function backstay.doer() from public;
