INSERT INTO draws (sale, secret, commitment, parts, closed_ms, beacon, root, seed, entrants, beacon_source)
VALUES ($1, $2, $3, 0, 0, '', '', '', 0, $4)
ON CONFLICT (sale) DO NOTHING
