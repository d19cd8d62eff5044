INSERT INTO payment_events (provider, event) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1 AS new
