-- A first session has replaced none.
SELECT user_id, generation FROM session_generations WHERE generation > 1 ORDER BY user_id
