UPDATE refunds
SET failures = failures + 1, try_again_ms = $2::bigint + least($3::bigint * (1 << least(failures, 20)), $4::bigint)
WHERE id = $1
