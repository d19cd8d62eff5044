-- A draw may wait for a value that becomes public after its list is closed.
ALTER TABLE draws
  ADD COLUMN beacon_source text NOT NULL DEFAULT '',
  -- when the list was closed to wait for it; 0: not yet, or there is none
  ADD COLUMN listed_ms bigint NOT NULL DEFAULT 0 CHECK (listed_ms >= 0);
