-- Ids of the pass and the proof that an order's intent used up: a rebuild loads them into Redis again.
ALTER TABLE orders ADD COLUMN spends text COLLATE "C" NOT NULL DEFAULT '';
