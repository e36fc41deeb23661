-- Sets what the next file reads: the name of a login and a password for it.
-- $1 login text, $2 password text
select set_config('backstay.login', $1::text, true), set_config('backstay.password', $2::text, true)
