DELETE FROM product_words WHERE NOT EXISTS (SELECT FROM product_terms WHERE product_terms.word = product_words.word)
