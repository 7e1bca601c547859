-- DropIndex
DROP INDEX "copies_ready_idx";

-- AlterTable
ALTER TABLE "copies" ADD COLUMN     "attempts_before" INTEGER NOT NULL DEFAULT 0;

-- CreateIndex
CREATE INDEX "copies_cache_idx" ON "copies"("last_used_at") WHERE ((status = 'ready'::media_status) AND (NOT archive));
