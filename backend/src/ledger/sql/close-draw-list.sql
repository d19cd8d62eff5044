-- As close-draw does, but the draw itself waits for its beacon. From now on nobody enters.
UPDATE draws SET listed_ms = $3, root = $4, entrants = $5
WHERE sale = $1 AND parts = $2 AND closed_ms = 0 AND listed_ms = 0
RETURNING sale
