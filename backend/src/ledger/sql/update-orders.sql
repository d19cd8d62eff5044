-- Each only from the version before, or the same where nothing is said of it (`raises` is false): the caller counts the rows.
WITH changed AS (
  UPDATE orders SET
    sku = new.sku, quantity = new.quantity, units = new.units::integer[], status = new.status, version = new.version,
    amount_minor = new.amount_minor, currency = new.currency, price_version = new.price_version, reserved_ms = new.reserved_ms,
    pay_by_ms = new.pay_by_ms, paid_ms = new.paid_ms, intent_met = new.intent_met, late = new.late, extended = new.extended,
    late_met = new.late_met, spends = new.spends
  FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::integer[], $8::bigint[], $9::text[], $10::integer[],
    $11::bigint[], $12::bigint[], $13::bigint[], $14::boolean[], $15::boolean[], $16::boolean[], $17::text[], $18::text[], $19::boolean[]
  ) AS new (
    sale, body, sku, quantity, units, status, version, amount_minor, currency, price_version,
    reserved_ms, pay_by_ms, paid_ms, intent_met, late, extended, late_met, spends, raises
  )
  WHERE orders.sale = new.sale AND orders.body = new.body AND orders.version + raises::integer = new.version
  RETURNING 1
)
SELECT count(*) AS met FROM changed
