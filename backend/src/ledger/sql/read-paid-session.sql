SELECT * FROM payment_sessions WHERE sale = $1 AND body = $2 AND status = 'paid' ORDER BY id LIMIT 1
