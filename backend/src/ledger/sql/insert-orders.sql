-- Columns that are the same in all rows come as arrays of one (db/array.ts, `column`): a third of the time goes into reading arrays.
INSERT INTO orders (
  sale, body, shard, order_number, user_id, sku, quantity, units, status, version,
  amount_minor, currency, price_version, reserved_ms, confirmed_ms, pay_by_ms, paid_ms, reason, intent_met, spends, late, extended
)
SELECT
  coalesce(sale, ($1::text[])[1]), body, coalesce(shard, ($3::integer[])[1]), order_number, user_id, coalesce(sku, ($6::text[])[1]),
  coalesce(quantity, ($7::integer[])[1]), units::integer[], coalesce(status, ($9::text[])[1]), coalesce(version, ($10::integer[])[1]),
  coalesce(amount_minor, ($11::bigint[])[1]), coalesce(currency, ($12::text[])[1]), coalesce(price_version, ($13::integer[])[1]),
  coalesce(reserved_ms, ($14::bigint[])[1]), coalesce(confirmed_ms, ($15::bigint[])[1]), coalesce(pay_by_ms, ($16::bigint[])[1]),
  coalesce(paid_ms, ($17::bigint[])[1]), coalesce(reason, ($18::text[])[1]), coalesce(intent_met, ($19::boolean[])[1]),
  coalesce(spends, ($20::text[])[1]), false, false
FROM unnest(
  $1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::text[], $10::integer[],
  $11::bigint[], $12::text[], $13::integer[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::boolean[], $20::text[]
) AS new (
  sale, body, shard, order_number, user_id, sku, quantity, units, status, version,
  amount_minor, currency, price_version, reserved_ms, confirmed_ms, pay_by_ms, paid_ms, reason, intent_met, spends
)
