SELECT * FROM payment_sessions WHERE sale = $1 AND body = $2 ORDER BY id DESC LIMIT 1
