UPDATE refunds SET done = true WHERE id = $1
