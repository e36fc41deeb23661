-- Lists the migrations that ran.
select version, name, at from backstay.migration order by version
