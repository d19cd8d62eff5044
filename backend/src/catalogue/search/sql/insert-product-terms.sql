INSERT INTO product_terms (id, word, weight) SELECT * FROM unnest($1::text[], $2::text[], $3::int[])
