INSERT INTO orders (
  sale, body, shard, order_number, user_id, sku, quantity, units, status, version,
  amount_minor, currency, price_version, reserved_ms, confirmed_ms, pay_by_ms, paid_ms, reason, intent_met, spends, late, extended
)
SELECT
  sale, body, shard, order_number, user_id, sku, quantity, units::integer[], status, version,
  amount_minor, currency, price_version, reserved_ms, confirmed_ms, pay_by_ms, paid_ms, reason, intent_met, spends, false, false
FROM unnest(
  $1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::text[], $10::integer[],
  $11::bigint[], $12::text[], $13::integer[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::boolean[], $20::text[]
) AS new (
  sale, body, shard, order_number, user_id, sku, quantity, units, status, version,
  amount_minor, currency, price_version, reserved_ms, confirmed_ms, pay_by_ms, paid_ms, reason, intent_met, spends
)
