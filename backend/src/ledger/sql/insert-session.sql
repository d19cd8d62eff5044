INSERT INTO payment_sessions (provider, session, sale, body, amount_minor, currency, redirect, status)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'open')
ON CONFLICT (provider, session) DO NOTHING
RETURNING id
