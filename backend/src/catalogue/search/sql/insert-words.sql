-- $2: the keys of each word with spaces between
INSERT INTO product_words (word, near)
SELECT word, string_to_array(near, ' ') FROM unnest($1::text[], $2::text[]) AS new (word, near)
ON CONFLICT DO NOTHING
