SELECT item, pin, reason, made_ms FROM pins ORDER BY item
