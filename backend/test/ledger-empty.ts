// Empties a migrated database: one for all tests of a file is enough, and making one takes seconds.
export const EMPTY = `
  TRUNCATE sales_version, sales, shards, skus, sku_prices, units, orders, buyers, returns, outbox,
    payment_sessions, payment_events, refunds, session_generations, dead_intents, list_entries, lists_version, draws, draw_lists,
    waiting_rooms, pins, pins_version;
  INSERT INTO pins_version (version) VALUES (0);
  INSERT INTO lists_version (version) VALUES (0);
  INSERT INTO sales_version (version) VALUES (0);
`
