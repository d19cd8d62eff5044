-- Words that may be meant: $1 the terms' keys, $2 terms that may be the beginning of a word, $3 how many at most of either kind
(SELECT word FROM product_words WHERE near && $1::text[] LIMIT $3)
UNION
(SELECT word FROM unnest($2::text[]) AS prefixes (prefix)
 JOIN LATERAL (
   SELECT word FROM product_words
   WHERE word > prefix AND word < prefix || chr(1114111)
   ORDER BY word LIMIT $3
 ) AS longer ON true)
