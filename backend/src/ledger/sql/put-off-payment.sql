-- Of an order's sessions the open one, which is to be closed, or the one that was paid too late; a closed one waits for nothing.
UPDATE payment_sessions
SET failures = failures + 1, try_again_ms = $3::bigint + least($4::bigint * (1 << least(failures, 20)), $5::bigint)
WHERE sale = $1 AND body = $2 AND status <> 'closed'
