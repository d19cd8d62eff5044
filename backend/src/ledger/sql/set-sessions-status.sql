UPDATE payment_sessions SET status = $2 WHERE id = ANY ($1::bigint[])
