-- Lists the functions, views and grants as they were installed last.
select file, hash from backstay.body
