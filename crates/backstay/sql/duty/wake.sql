-- Says that there is something to claim.
-- moves: none                          role: worker
select backstay.wake()
