UPDATE payment_sessions SET status = $2, failures = 0, try_again_ms = 0 WHERE id = ANY ($1::bigint[])
