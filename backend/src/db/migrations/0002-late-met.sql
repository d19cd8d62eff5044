-- Which intent of a late payment an order has met last: delivered again it does nothing.
ALTER TABLE orders ADD COLUMN late_met text COLLATE "C" NOT NULL DEFAULT '';
