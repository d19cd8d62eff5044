SELECT id, provider, session, amount_minor, currency FROM refunds WHERE NOT done ORDER BY id LIMIT $1
