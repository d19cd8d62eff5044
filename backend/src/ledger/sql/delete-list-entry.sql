DELETE FROM list_entries WHERE list = $1 AND kind = $2 AND value = $3
RETURNING value
