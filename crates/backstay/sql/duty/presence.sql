-- Takes the lock that says "alive" for as long as this session lasts.
-- moves: none                          role: worker
-- locks: a session advisory lock under a number of its own
select n.presence, pg_try_advisory_lock(1112757337, n.presence) as taken
  from (select nextval('backstay.presence_seq')::int as presence) n
