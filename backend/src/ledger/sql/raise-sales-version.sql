-- Last in every change of a sale, so that versions appear in the order of their numbers.
UPDATE sales_version SET version = version + 1 RETURNING version
