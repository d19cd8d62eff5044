-- The ledger: sales, units, orders, buyers, and what is on its way out of it.
-- Text is compared bytewise everywhere, so that both databases and the in-memory ledger sort alike.

CREATE TABLE sales_version (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL
);
INSERT INTO sales_version (version) VALUES (0);

CREATE TABLE sales (
  sale text COLLATE "C" PRIMARY KEY,
  title text NOT NULL,
  state text NOT NULL CHECK (state IN ('draft', 'ready', 'paused', 'ended')),
  version bigint NOT NULL,
  epoch integer NOT NULL CHECK (epoch >= 0),
  shards integer NOT NULL CHECK (shards >= 1),
  redis_replid text NOT NULL,
  -- base64url, made once and never changed: reservation ids depend on it
  id_key text NOT NULL,
  opens_ms bigint NOT NULL,
  closes_ms bigint NOT NULL CHECK (closes_ms > opens_ms),
  -- the widest window and limit there ever was: what an intent is judged by
  opens_ms_earliest bigint NOT NULL,
  closes_ms_latest bigint NOT NULL,
  sale_user_max integer NOT NULL CHECK (sale_user_max >= 0),
  sale_user_max_widest integer NOT NULL CHECK (sale_user_max_widest >= 0),
  hold_attempts_max integer NOT NULL CHECK (hold_attempts_max >= 0),
  hold_ms bigint NOT NULL CHECK (hold_ms >= 0),
  payment_extension_ms bigint NOT NULL CHECK (payment_extension_ms >= 0),
  left_shown text NOT NULL CHECK (left_shown IN ('exact', 'band')),
  gate text NOT NULL,
  -- a sale is being rebuilt exactly while somebody owns its rebuild
  rebuilding boolean NOT NULL,
  rebuild_owner text NOT NULL,
  rebuild_lease_ms bigint NOT NULL,
  rebuild_until_ms bigint NOT NULL,
  recounted_epoch integer NOT NULL,
  CHECK (rebuilding = (rebuild_owner <> ''))
);

-- One row a shard: its lock puts everything that settles, ends or returns in that shard in one order.
CREATE TABLE shards (
  sale text COLLATE "C" NOT NULL REFERENCES sales,
  shard integer NOT NULL CHECK (shard >= 0),
  last_order bigint NOT NULL,
  PRIMARY KEY (sale, shard)
) WITH (fillfactor = 50);

CREATE TABLE skus (
  sale text COLLATE "C" NOT NULL REFERENCES sales,
  sku text COLLATE "C" NOT NULL,
  position integer NOT NULL,
  total integer NOT NULL CHECK (total >= -1),
  minted integer NOT NULL CHECK (minted >= 0 AND (minted = 0 OR total = -1)),
  price_version integer NOT NULL,
  PRIMARY KEY (sale, sku)
);

-- Never changed and never deleted: an order keeps the price it was reserved at.
CREATE TABLE sku_prices (
  sale text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  price_version integer NOT NULL CHECK (price_version >= 1),
  title text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  currency text NOT NULL,
  user_max integer NOT NULL CHECK (user_max >= 0),
  PRIMARY KEY (sale, sku, price_version),
  FOREIGN KEY (sale, sku) REFERENCES skus
);

-- No index but the key, and room in each page: a claim then rewrites its row in place (HOT).
CREATE TABLE units (
  sale text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  unit integer NOT NULL CHECK (unit >= 1),
  generation integer NOT NULL CHECK (generation >= 0),
  epoch integer NOT NULL,
  shard integer NOT NULL,
  state text NOT NULL CHECK (state IN ('unlent', 'granted', 'returning', 'moving', 'confirmed', 'paid')),
  -- body of the one order that has it
  reservation text COLLATE "C" NOT NULL,
  PRIMARY KEY (sale, sku, unit),
  CHECK ((reservation <> '') = (state IN ('confirmed', 'paid')))
) WITH (fillfactor = 70);

CREATE TABLE orders (
  sale text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL,
  shard integer NOT NULL,
  -- '' for a void or a tombstone
  order_number text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  quantity integer NOT NULL CHECK (quantity >= 0),
  units integer[] NOT NULL,
  status text NOT NULL CHECK (status IN ('confirmed', 'paid', 'expired', 'cancelled', 'void', 'refunded')),
  version integer NOT NULL CHECK (version >= 1),
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  price_version integer NOT NULL,
  reserved_ms bigint NOT NULL,
  confirmed_ms bigint NOT NULL,
  pay_by_ms bigint NOT NULL,
  paid_ms bigint NOT NULL,
  reason text NOT NULL,
  intent_met boolean NOT NULL,
  late boolean NOT NULL,
  extended boolean NOT NULL,
  PRIMARY KEY (sale, body),
  CHECK (status NOT IN ('confirmed', 'paid') OR (order_number <> '' AND cardinality(units) = quantity)),
  CHECK (NOT late OR status = 'expired'),
  CHECK ((pay_by_ms > 0) = (status = 'confirmed'))
) WITH (fillfactor = 80);
CREATE INDEX orders_of_user ON orders (sale, user_id);
CREATE INDEX orders_due ON orders (pay_by_ms) WHERE status = 'confirmed';
CREATE INDEX orders_late ON orders (sale, body) WHERE late;

CREATE TABLE buyers (
  sale text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  sku text COLLATE "C" NOT NULL,
  units integer NOT NULL CHECK (units >= 0),
  expired_holds integer NOT NULL CHECK (expired_holds >= 0),
  PRIMARY KEY (sale, user_id, sku)
);

CREATE TABLE returns (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sale text COLLATE "C" NOT NULL REFERENCES sales,
  shard integer NOT NULL,
  epoch integer NOT NULL,
  sku text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  quantity integer NOT NULL CHECK (quantity >= 0),
  units integer[] NOT NULL,
  generations integer[] NOT NULL,
  expired boolean NOT NULL,
  CHECK (cardinality(units) = cardinality(generations))
);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sale text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL
);

CREATE TABLE payment_sessions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text COLLATE "C" NOT NULL,
  session text COLLATE "C" NOT NULL,
  sale text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  redirect text NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'closed', 'paid')),
  UNIQUE (provider, session),
  FOREIGN KEY (sale, body) REFERENCES orders
);
CREATE INDEX payment_sessions_of_order ON payment_sessions (sale, body, id);
CREATE UNIQUE INDEX payment_session_open ON payment_sessions (sale, body) WHERE status = 'open';

CREATE TABLE payment_events (
  provider text COLLATE "C" NOT NULL,
  event text COLLATE "C" NOT NULL,
  PRIMARY KEY (provider, event)
);

CREATE TABLE refunds (
  id text COLLATE "C" PRIMARY KEY,
  provider text NOT NULL,
  session text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  done boolean NOT NULL
);
CREATE INDEX refunds_pending ON refunds (id) WHERE NOT done;

CREATE TABLE session_generations (
  user_id text COLLATE "C" PRIMARY KEY,
  generation bigint NOT NULL CHECK (generation >= 1)
);

CREATE TABLE dead_intents (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  intent text NOT NULL,
  reason text NOT NULL,
  at_ms bigint NOT NULL
);
