-- attributes: a JSON list each
INSERT INTO product_index (id, sort_title, title_words, attributes)
SELECT id, sort_title, title_words, ARRAY(SELECT jsonb_array_elements_text(attributes))
FROM jsonb_to_recordset($1::jsonb) AS new (id text, sort_title text, title_words int, attributes jsonb)
ON CONFLICT (id) DO UPDATE SET
  sort_title = excluded.sort_title, title_words = excluded.title_words, attributes = excluded.attributes
