SELECT id, provider, session, amount_minor, currency FROM refunds WHERE NOT done AND try_again_ms <= $2 ORDER BY try_again_ms, id LIMIT $1
