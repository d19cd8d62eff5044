SELECT word FROM unnest($1::text[]) AS wanted (word)
WHERE NOT EXISTS (SELECT FROM product_words WHERE product_words.word = wanted.word)
