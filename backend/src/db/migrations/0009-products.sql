-- The catalogue. Each change takes the next version under the lock of the one row of catalogue_version, so that versions
-- commit in their order: whoever has read up to one misses nothing below it.
CREATE TABLE catalogue_version (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL,
  -- products that are not removed
  products bigint NOT NULL CHECK (products >= 0),
  -- removed products up to this version are forgotten: who has read less far must read everything anew
  forgotten bigint NOT NULL
);
INSERT INTO catalogue_version (version, products, forgotten) VALUES (0, 0, 0);

CREATE TABLE products (
  id text COLLATE "C" PRIMARY KEY,
  title text NOT NULL,
  description text NOT NULL,
  -- a path of this site; '' for none
  picture text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  currency text NOT NULL,
  -- JSON: name to value
  attributes text NOT NULL,
  -- JSON: the sales that have it as a SKU
  offers text NOT NULL DEFAULT '[]',
  -- kept for a while, so that indexes and caches learn of it
  removed boolean NOT NULL DEFAULT false,
  version bigint NOT NULL UNIQUE,
  updated_ms bigint NOT NULL
);
CREATE INDEX products_offered ON products (id) WHERE offers <> '[]';
