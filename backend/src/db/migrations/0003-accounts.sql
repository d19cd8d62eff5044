-- Who may sign in: the secret as scrypt's parameters, salt and hash in one text (sessions/password.ts).
CREATE TABLE accounts (
  user_id text COLLATE "C" PRIMARY KEY,
  password text COLLATE "C" NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 9)
);
