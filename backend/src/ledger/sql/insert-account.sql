INSERT INTO accounts (user_id, password, level) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id
