SELECT * FROM orders WHERE sale = $1 AND user_id = $2 ORDER BY reserved_ms, body
