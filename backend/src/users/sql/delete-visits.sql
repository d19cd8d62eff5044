DELETE FROM visits WHERE user_id = $1
