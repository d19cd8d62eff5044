INSERT INTO draw_lists (sale, list, part, packed)
SELECT $1, $2, $3::integer + place - 1, packed FROM unnest($4::text[]) WITH ORDINALITY AS parts (packed, place)
