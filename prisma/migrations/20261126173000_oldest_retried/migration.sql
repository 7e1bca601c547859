-- no transaction
CREATE INDEX CONCURRENTLY "alerts_oldest_retried_idx" ON "alerts"("round_started_at") WHERE (notified_at IS NULL AND round_started_at IS NOT NULL);
