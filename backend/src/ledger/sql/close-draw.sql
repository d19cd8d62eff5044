-- Only as it was read: with all its parts, with the beacon that was there, and once.
UPDATE draws SET closed_ms = $3, root = $5, seed = $6, entrants = $7
WHERE sale = $1 AND parts = $2 AND closed_ms = 0 AND beacon = $4
RETURNING sale
