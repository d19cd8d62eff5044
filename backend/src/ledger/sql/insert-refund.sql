INSERT INTO refunds (id, provider, session, amount_minor, currency, done) VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT DO NOTHING
