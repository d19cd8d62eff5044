UPDATE payment_sessions SET status = 'closed' WHERE provider = $1 AND session = $2 AND status = 'open'
