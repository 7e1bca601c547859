-- DropIndex
DROP INDEX "alerts_failed_idx";

-- CreateIndex
CREATE INDEX "alerts_failed_idx" ON "alerts"("failure_code", "received_at" DESC, "id" DESC) WHERE (failure_code IS NOT NULL);

-- CreateIndex
CREATE INDEX "alerts_failed_listing_idx" ON "alerts"("received_at" DESC, "id" DESC) WHERE (failure_code IS NOT NULL);

-- CreateIndex
CREATE INDEX "alerts_failed_of_store_idx" ON "alerts"("store", "received_at" DESC, "id" DESC) WHERE (failure_code IS NOT NULL);
