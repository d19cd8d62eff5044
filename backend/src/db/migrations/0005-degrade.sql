-- The level of degradation that the operator has set: read with the version of the sales, which rises with each change of it.
ALTER TABLE sales_version
  ADD COLUMN degrade_level smallint NOT NULL DEFAULT 0 CHECK (degrade_level BETWEEN 0 AND 3),
  ADD COLUMN degrade_pinned boolean NOT NULL DEFAULT false;
