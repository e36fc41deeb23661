-- Lists the migrations that ran.
select version, name, phase, at from backstay.migration order by version
