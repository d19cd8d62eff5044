-- Events of items by day of their own time. The key starts with the time, which every question asks for.
CREATE TABLE IF NOT EXISTS hot_items (
  at_ms bigint NOT NULL,
  worker text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  sku text COLLATE "C" NOT NULL,
  uri text NOT NULL,
  ip inet,
  token text COLLATE "C" NOT NULL,
  agent text COLLATE "C" NOT NULL,
  status smallint NOT NULL,
  node text COLLATE "C" NOT NULL,
  PRIMARY KEY (at_ms, worker, seq)
) PARTITION BY RANGE (at_ms);
CREATE INDEX IF NOT EXISTS hot_items_by_sku ON hot_items (sku, at_ms);
