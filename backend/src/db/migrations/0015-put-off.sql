-- What fails at the payment provider is tried again later and later, so that nothing waits behind it.
ALTER TABLE payment_sessions
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  ADD COLUMN try_again_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE refunds
  ADD COLUMN failures integer NOT NULL DEFAULT 0,
  ADD COLUMN try_again_ms bigint NOT NULL DEFAULT 0;
