-- The number of the part that is to be written next; nothing once the draw is closed.
UPDATE draws SET parts = parts + 1 WHERE sale = $1 AND closed_ms = 0 AND listed_ms = 0 RETURNING parts
