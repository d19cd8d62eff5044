-- The draw of a sale: its secret from the beginning, who has entered, and after the closing who entered and in which order they come.
CREATE TABLE draws (
  sale text COLLATE "C" PRIMARY KEY REFERENCES sales,
  secret text NOT NULL,
  commitment text NOT NULL,
  -- parts written of the entries; a draw is made from all of them or not at all
  parts integer NOT NULL,
  -- 0: open
  closed_ms bigint NOT NULL CHECK (closed_ms >= 0),
  beacon text NOT NULL,
  root text NOT NULL,
  seed text NOT NULL,
  entrants integer NOT NULL
);

-- Entrants of 22 characters each, nothing between. entries: as they came, with repeats; entrants and order: of the transcript.
CREATE TABLE draw_lists (
  sale text COLLATE "C" NOT NULL REFERENCES draws,
  list text NOT NULL CHECK (list IN ('entries', 'entrants', 'order')),
  part integer NOT NULL,
  packed text COLLATE "C" NOT NULL,
  PRIMARY KEY (sale, list, part)
);
