-- what is to be paid for, then what is paid, then the newest of the rest; told oldest first
SELECT * FROM (
  SELECT * FROM orders WHERE sale = $1 AND user_id = $2
  ORDER BY (status = 'confirmed') DESC, (status = 'paid') DESC, reserved_ms DESC, body DESC LIMIT $3
) AS kept ORDER BY reserved_ms, body
