WITH put AS (
  INSERT INTO hot_items (at_ms, worker, seq, sku, uri, ip, token, agent, status, node)
  SELECT at_ms, worker, seq, sku, uri, NULLIF(ip, '')::inet, token, agent, status, node
  FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::text[])
    AS given (at_ms, worker, seq, sku, uri, ip, token, agent, status, node)
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT count(*) AS indexed FROM put
