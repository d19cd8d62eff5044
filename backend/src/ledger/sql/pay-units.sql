UPDATE units SET state = 'paid'
WHERE sale = $1 AND sku = $2 AND unit = ANY ($3::integer[]) AND reservation = $4 AND state = 'confirmed'
RETURNING 1 AS changed
