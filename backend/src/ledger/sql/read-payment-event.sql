SELECT 1 AS seen FROM payment_events WHERE provider = $1 AND event = $2
