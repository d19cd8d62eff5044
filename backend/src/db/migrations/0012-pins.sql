-- What operators have said of items, whatever their rate. The version rises with each change and is locked first, as that of the lists.
CREATE TABLE pins_version (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL
);
INSERT INTO pins_version (version) VALUES (0);

CREATE TABLE pins (
  item text COLLATE "C" PRIMARY KEY,
  pin text COLLATE "C" NOT NULL CHECK (pin IN ('hot', 'released')),
  reason text NOT NULL,
  made_ms bigint NOT NULL
);
