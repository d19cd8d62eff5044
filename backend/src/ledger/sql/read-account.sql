SELECT password, level FROM accounts WHERE user_id = $1
