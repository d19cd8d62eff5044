-- $1 products as JSON, $2 version before, $3 now; answers those it has made or changed
INSERT INTO products AS old (id, title, description, picture, amount_minor, currency, attributes, version, updated_ms)
SELECT id, title, description, picture, amount_minor, currency, attributes, $2 + row_number() OVER (), $3
FROM jsonb_to_recordset($1::jsonb)
  AS new (id text, title text, description text, picture text, amount_minor bigint, currency text, attributes text)
ON CONFLICT (id) DO UPDATE SET
  title = excluded.title, description = excluded.description, picture = excluded.picture,
  amount_minor = excluded.amount_minor, currency = excluded.currency, attributes = excluded.attributes,
  removed = false, version = excluded.version, updated_ms = excluded.updated_ms
WHERE old.removed OR (old.title, old.description, old.picture, old.amount_minor, old.currency, old.attributes)
  IS DISTINCT FROM (excluded.title, excluded.description, excluded.picture, excluded.amount_minor, excluded.currency, excluded.attributes)
RETURNING id, version
