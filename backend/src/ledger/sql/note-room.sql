UPDATE waiting_rooms SET seen_issued = greatest(seen_issued, $2), seen_front = greatest(seen_front, $3) WHERE sale = $1
