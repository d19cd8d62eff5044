SELECT item, at_ms FROM visits WHERE user_id = $1 ORDER BY at_ms DESC, item
