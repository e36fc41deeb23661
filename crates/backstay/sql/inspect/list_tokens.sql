-- Lists tokens of the HTTP API, the youngest first, at most 1,000; of those that are over, the ones of the last 90 days.
-- role: operator
select jsonb_build_object('id', t.id, 'name', t.name, 'scopes', t.scopes, 'created_at', t.created_at, 'created_by', t.created_by,
                          'expires_at', t.expires_at, 'revoked_at', t.revoked_at, 'revoked_by', t.revoked_by, 'used_on', t.used_on,
                          'state', case when t.revoked_at is not null then 'revoked' when t.expires_at <= backstay.clock() then 'expired' else 'valid' end)::text
  from backstay.token t
 where least(t.expires_at, t.revoked_at) > backstay.clock() - interval '90 days'
 order by t.created_at desc, t.id limit 1000
