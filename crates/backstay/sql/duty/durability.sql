-- Says whether a crash of the server could lose what was committed.
-- moves: none                          role: worker
select current_setting('fsync') = 'on' as fsync, current_setting('full_page_writes') = 'on' as full_page_writes,
       current_setting('synchronous_commit') <> 'off' as synchronous_commit
