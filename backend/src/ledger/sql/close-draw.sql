-- Only as it was read: with all its parts, and once.
UPDATE draws SET closed_ms = $3, beacon = $4, root = $5, seed = $6, entrants = $7
WHERE sale = $1 AND parts = $2 AND closed_ms = 0
RETURNING sale
