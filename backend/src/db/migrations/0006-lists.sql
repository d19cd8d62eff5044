-- Allow and deny lists. The version rises with each change and is locked first, so that changes come one after another.
CREATE TABLE lists_version (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL
);
INSERT INTO lists_version (version) VALUES (0);

CREATE TABLE list_entries (
  list text COLLATE "C" NOT NULL CHECK (list IN ('deny', 'allow')),
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('address', 'cidr', 'user', 'fingerprint')),
  value text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  made_ms bigint NOT NULL,
  -- 0: for ever
  until_ms bigint NOT NULL CHECK (until_ms >= 0),
  PRIMARY KEY (list, kind, value)
);
CREATE INDEX list_entries_until ON list_entries (until_ms) WHERE until_ms > 0;
