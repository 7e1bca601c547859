-- AlterTable
ALTER TABLE "alerts" ADD COLUMN     "traceparent" TEXT;

-- CreateIndex
CREATE INDEX "alerts_oldest_owed_idx" ON "alerts"("received_at") WHERE (notified_at IS NULL);
