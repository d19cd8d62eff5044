INSERT INTO list_entries (list, kind, value, reason, made_ms, until_ms) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (list, kind, value) DO UPDATE SET
  reason = excluded.reason, made_ms = excluded.made_ms, until_ms = excluded.until_ms
RETURNING xmax = 0 AS is_new
