-- The caller counts the rows: whoever has an order has a count.
WITH changed AS (
  UPDATE buyers SET units = buyers.units - ended.units, expired_holds = buyers.expired_holds + ended.expired_holds
  FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[]) AS ended (sale, user_id, sku, units, expired_holds)
  WHERE buyers.sale = ended.sale AND buyers.user_id = ended.user_id AND buyers.sku = ended.sku
  RETURNING 1
)
SELECT count(*) AS met FROM changed
