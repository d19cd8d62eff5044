-- Once, and only while the draw waits for it: a value known before the list was closed would decide nothing.
UPDATE draws SET beacon = $2 WHERE sale = $1 AND listed_ms > 0 AND closed_ms = 0 AND beacon = '' RETURNING sale
