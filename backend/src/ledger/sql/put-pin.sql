INSERT INTO pins (item, pin, reason, made_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (item) DO UPDATE SET pin = excluded.pin, reason = excluded.reason, made_ms = excluded.made_ms
RETURNING xmax = 0 AS is_new
