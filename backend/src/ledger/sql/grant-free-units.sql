-- Every unit of a limited SKU that no order has is lent anew; what a shard, a return or an intent still names is void by its generation.
UPDATE units SET generation = generation + 1, epoch = $2, shard = (unit - 1) % $3, state = 'granted'
WHERE sale = $1 AND state NOT IN ('confirmed', 'paid')
  AND sku IN (SELECT skus.sku FROM skus WHERE skus.sale = $1 AND skus.total <> -1)
