SELECT packed FROM draw_lists WHERE sale = $1 AND list = $2 AND part > $3 ORDER BY part LIMIT $4
