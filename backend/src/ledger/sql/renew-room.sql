UPDATE waiting_rooms SET since_ms = greatest(since_ms, $2), issued_max = issued_max + $3
WHERE sale = $1
RETURNING sale, issued_max, seen_issued, seen_front, since_ms
