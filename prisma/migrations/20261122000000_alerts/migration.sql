-- CreateEnum
CREATE TYPE "failure_code" AS ENUM ('video_not_found', 'video_forbidden', 'video_server_error', 'video_server_unreachable', 'video_timeout', 'video_too_large', 'video_unreadable', 'no_video_stream', 'redirect_refused', 'worker_crashed');

-- CreateEnum
CREATE TYPE "alert_status" AS ENUM ('pending', 'processing', 'processed', 'failed');

-- CreateTable
CREATE TABLE "alerts" (
    "id" BIGSERIAL NOT NULL,
    "uuid" UUID NOT NULL,
    "video" TEXT NOT NULL,
    "store" TEXT NOT NULL,
    "timestamp" DOUBLE PRECISION NOT NULL,
    "status" "alert_status" NOT NULL DEFAULT 'pending',
    "resolution" TEXT,
    "width" INTEGER,
    "height" INTEGER,
    "rotation" INTEGER,
    "codec" TEXT,
    "container" TEXT,
    "duration" DOUBLE PRECISION,
    "failure_code" "failure_code",
    "failure_detail" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "attempts_before" INTEGER NOT NULL DEFAULT 0,
    "crashes" INTEGER NOT NULL DEFAULT 0,
    "bytes_fetched" BIGINT NOT NULL DEFAULT 0,
    "request_id" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "processed_at" TIMESTAMPTZ(3),
    "notified_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "alerts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "alerts_uuid_key" ON "alerts"("uuid");

-- CreateIndex
CREATE INDEX "alerts_received_at_id_idx" ON "alerts"("received_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "alerts_store_received_at_id_idx" ON "alerts"("store", "received_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "alerts_owed_idx" ON "alerts"("updated_at") WHERE (notified_at IS NULL);

-- CreateIndex
CREATE INDEX "alerts_failed_idx" ON "alerts"("failure_code", "received_at") WHERE (failure_code IS NOT NULL);
