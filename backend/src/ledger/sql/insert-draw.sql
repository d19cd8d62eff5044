INSERT INTO draws (sale, secret, commitment, parts, closed_ms, beacon, root, seed, entrants)
VALUES ($1, $2, $3, 0, 0, '', '', '', 0)
ON CONFLICT (sale) DO NOTHING
