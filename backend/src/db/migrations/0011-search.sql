-- What search finds products by, written with each product in its transaction; catalogue/search/words.ts makes the words.
CREATE TABLE product_index (
  id text COLLATE "C" PRIMARY KEY,
  sort_title text COLLATE "C" NOT NULL,
  -- words in the title: of two that match alike the shorter title comes first
  title_words int NOT NULL,
  -- "name=value"
  attributes text[] NOT NULL
);

-- weight: the best field that the word stands in
CREATE TABLE product_terms (
  id text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  weight int NOT NULL,
  PRIMARY KEY (id, word)
);
CREATE INDEX product_terms_word ON product_terms (word, id, weight);

-- near: what is left of the word with up to two letters taken out. Two words that share one are at most a few typing errors apart.
CREATE TABLE product_words (
  word text COLLATE "C" PRIMARY KEY,
  near text[] NOT NULL
);
CREATE INDEX product_words_near ON product_words USING gin (near);

-- When somebody last asked for indexes to be made anew, and when that of these tables was.
ALTER TABLE catalogue_version ADD COLUMN reindex_asked_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE catalogue_version ADD COLUMN sql_built_ms bigint NOT NULL DEFAULT 0;
