SELECT intent, reason, at_ms FROM dead_intents ORDER BY id DESC LIMIT $1
