-- of these users all but the newest $2
DELETE FROM visits USING unnest($1::text[]) AS of (user_id)
WHERE visits.user_id = of.user_id AND visits.item NOT IN (
  SELECT item FROM visits AS newer WHERE newer.user_id = of.user_id ORDER BY at_ms DESC, item LIMIT $2
)
