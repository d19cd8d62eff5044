-- What a sale's waiting room must not forget with Redis.
CREATE TABLE waiting_rooms (
  sale text COLLATE "C" PRIMARY KEY REFERENCES sales,
  -- numbers up to it are lent to Redis, and none of them is given again
  issued_max bigint NOT NULL CHECK (issued_max >= 0),
  -- as last seen in Redis: at least so many were given out, and called up
  seen_issued bigint NOT NULL DEFAULT 0,
  seen_front bigint NOT NULL DEFAULT 0,
  -- when it was last made anew without knowing who had been admitted (Redis' clock); 0: never
  since_ms bigint NOT NULL DEFAULT 0
);
