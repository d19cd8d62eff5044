INSERT INTO session_generations (user_id, generation)
SELECT user_id, 1 FROM unnest($1::text[]) AS user_id ORDER BY user_id
ON CONFLICT (user_id) DO UPDATE SET generation = session_generations.generation + 1
RETURNING user_id, generation
