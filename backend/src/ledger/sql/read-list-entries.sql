SELECT list, kind, value, reason, made_ms, until_ms FROM list_entries
ORDER BY list, kind, value
