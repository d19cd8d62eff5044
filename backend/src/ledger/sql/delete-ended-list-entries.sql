DELETE FROM list_entries WHERE until_ms > 0 AND until_ms <= $1
RETURNING value
