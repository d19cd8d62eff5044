-- A row of the outbox says all that one transaction has to say of a sale, instead of one order.
ALTER TABLE outbox ADD COLUMN bodies text[] COLLATE "C";
UPDATE outbox SET bodies = ARRAY[body];
ALTER TABLE outbox ALTER COLUMN bodies SET NOT NULL, DROP COLUMN body;
