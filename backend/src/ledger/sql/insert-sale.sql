INSERT INTO sales (
  sale, title, state, version, epoch, shards, redis_replid, id_key, opens_ms, closes_ms, opens_ms_earliest, closes_ms_latest,
  sale_user_max, sale_user_max_widest, hold_attempts_max, hold_ms, payment_extension_ms, left_shown, gate,
  rebuilding, rebuild_owner, rebuild_lease_ms, rebuild_until_ms, recounted_epoch
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
ON CONFLICT DO NOTHING
RETURNING sale
