SELECT sale, issued_max, seen_issued, seen_front, since_ms FROM waiting_rooms WHERE sale = $1
