-- Items that a user has looked at, the last time of each; the newest are kept.
CREATE TABLE visits (
  user_id text COLLATE "C" NOT NULL,
  item text COLLATE "C" NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (user_id, item)
);
