SELECT * FROM payment_sessions WHERE provider = $1 AND session = $2
