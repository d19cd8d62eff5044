UPDATE sales SET
  title = $2, state = $3, version = $4, epoch = $5, shards = $6, redis_replid = $7, id_key = $8, opens_ms = $9, closes_ms = $10,
  opens_ms_earliest = $11, closes_ms_latest = $12, sale_user_max = $13, sale_user_max_widest = $14, hold_attempts_max = $15,
  hold_ms = $16, payment_extension_ms = $17, left_shown = $18, gate = $19, rebuilding = $20, rebuild_owner = $21,
  rebuild_lease_ms = $22, rebuild_until_ms = $23, recounted_epoch = $24
WHERE sale = $1
