INSERT INTO waiting_rooms (sale, issued_max) VALUES ($1, $2)
ON CONFLICT (sale) DO UPDATE SET issued_max = waiting_rooms.issued_max + excluded.issued_max
RETURNING issued_max
