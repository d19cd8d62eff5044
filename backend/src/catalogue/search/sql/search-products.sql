-- $1 words, $2 number of the term that each is found for, $3 its score: at least $4 of the terms must be found; 0: everything.
-- $5 attributes ("name=value") of which a product must have one of each of $6 names; $7 currency or ''; $8, $9 price from and to;
-- $10 ids it must be among, null: any; $11 order; $12 rows from, $13 how many; $14 facets at most.
WITH hits AS (
  SELECT id, sum(best) AS score FROM (
    SELECT product_terms.id, wanted.term, max(wanted.score * product_terms.weight) AS best
    FROM unnest($1::text[], $2::int[], $3::int[]) AS wanted (word, term, score)
    JOIN product_terms ON product_terms.word = wanted.word
    GROUP BY product_terms.id, wanted.term
  ) AS found
  GROUP BY id HAVING count(*) >= $4::int
  UNION ALL
  SELECT id, 0 FROM product_index WHERE $4::int = 0
), matching AS MATERIALIZED (
  SELECT id, score, sort_title, title_words, product_index.attributes, currency, amount_minor
  FROM hits JOIN product_index USING (id) JOIN products USING (id)
  WHERE (SELECT count(*) FROM unnest(product_index.attributes) AS pairs (pair) WHERE pair = ANY($5::text[])) = $6::int
    AND ($7::text = '' OR currency = $7)
    AND amount_minor BETWEEN $8::bigint AND $9::bigint
    AND ($10::text[] IS NULL OR id = ANY($10::text[]))
), page AS (
  SELECT id, row_number() OVER (ORDER BY
    CASE WHEN $11 = 'relevance' THEN -score END,
    CASE WHEN $11 = 'relevance' THEN title_words END,
    CASE WHEN $11 IN ('price', '-price') THEN currency END,
    CASE WHEN $11 = 'price' THEN amount_minor WHEN $11 = '-price' THEN -amount_minor END,
    sort_title, id) AS place
  FROM matching ORDER BY place OFFSET $12::int LIMIT $13::int
)
SELECT 'product' AS kind, id AS name, place AS number, title, left(description, 400) AS description, picture, amount_minor, currency,
  products.attributes, offers, version, updated_ms
FROM page JOIN products USING (id)
UNION ALL
SELECT 'total', '', (SELECT count(*) FROM matching), '', '', '', 0, '', '', '', 0, 0
UNION ALL
SELECT 'facet', pair, number, '', '', '', 0, '', '', '', 0, 0 FROM (
  SELECT pair, count(*) AS number FROM matching, unnest(attributes) AS pairs (pair)
  GROUP BY pair ORDER BY number DESC, pair COLLATE "C" LIMIT $14::int
) AS facets
ORDER BY kind, number
