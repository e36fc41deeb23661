-- Whether what people rely on goes on: jobs of lost workers are taken over, and alerts are told. A worker whose loops stand
-- still ends itself, so that its duties are not done either.
-- moves: none                          role: worker
-- locks: none
select count(*) = 2 as alive from backstay.duty d
 where d.name in ('rescue', 'alert') and d.last_ok_at > statement_timestamp() - interval '90 seconds'
