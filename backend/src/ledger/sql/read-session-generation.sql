SELECT generation FROM session_generations WHERE user_id = $1
