-- Units of each SKU, numbered from one after those there were before to its total.
INSERT INTO units (sale, sku, unit, generation, epoch, shard, state, reservation)
SELECT $1, grown.sku, unit, 0, 0, 0, 'unlent', ''
FROM unnest($2::text[], $3::integer[], $4::integer[]) AS grown (sku, first, last), generate_series(grown.first, grown.last) AS unit
